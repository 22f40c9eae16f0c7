# Decodes SMS with gammu: in each line a JSON list of the PDUs of one message, out
# each line a JSON object. What gammu puts behind the end of a text, as many
# characters as the text has of the extension, begins with NUL and is cut.
import json
import sys

import gammu


def end(text):
    return text.split("\0", 1)[0]


for line in sys.stdin:
    parts = [gammu.DecodePDU(bytes.fromhex(pdu), True) for pdu in json.loads(line)]
    # Latest first, so that it is gammu that finds out what belongs where.
    linked = gammu.LinkSMS([[part] for part in reversed(parts)]) if len(parts) > 1 else [parts]
    print(json.dumps({
        "Text": "".join(end(part["Text"]) for part in linked[0]),
        "Messages": len(linked),
        "Coding": parts[0]["Coding"],
        "Number": parts[0]["Number"],
        "Types": [part["Type"] for part in parts],
        "Sequence": [[part["UDH"]["ID8bit"], part["UDH"]["AllParts"], part["UDH"]["PartNumber"]] for part in parts],
    }))
