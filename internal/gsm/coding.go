package gsm

// coding is what TP-DCS says.
type coding struct {
	encoding   Encoding
	class      Class
	indication *Indication
	reserved   bool // a coding group or alphabet of which the specification has no meaning
}

// decodeDCS reads TP-DCS (3GPP TS 23.038 4). Reserved codings are the GSM 7 bit
// default alphabet, as section 4 says they shall be taken for.
func decodeDCS(dcs byte) coding {
	var c coding
	switch {
	case dcs < 0x80: // 00xx general, 01xx marked for automatic deletion
		if dcs&0x10 != 0 {
			c.class = Class0 + Class(dcs&0x03)
		}
		switch dcs >> 2 & 0x03 {
		case 1:
			c.encoding = Octets
		case 2:
			c.encoding = UCS2
		case 3:
			c.reserved = true
		}
		if dcs&0x20 != 0 {
			c.encoding = Compressed
		}
	case dcs < 0xc0: // 10xx
		c.reserved = true
	case dcs < 0xf0: // 1100 discard, 1101 store, 1110 store and UCS-2
		if dcs >= 0xe0 {
			c.encoding = UCS2
		}
		c.indication = &Indication{
			Waiting: Waiting(dcs & 0x03),
			Active:  dcs&0x08 != 0,
			Count:   -1,
			Store:   dcs >= 0xd0,
		}
	default: // 1111
		c.class = Class0 + Class(dcs&0x03)
		if dcs&0x04 != 0 {
			c.encoding = Octets
		}
	}
	return c
}
