package encode

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"telegraf-hologram/internal/gsm/gsm7"
)

// replacements are fields of a character and what stands in for it: letters
// without their marks, Greek and Cyrillic letters in Latin ones, and the signs
// that keyboards and sensors put into a text.
const replacements = `áa âa ãa āa ăa ąa ǎa ạa ảa ấa ầa ẩa ẫa ậa ắa ằa ẳa ẵa ặa ªa ÁA ÀA ÂA ÃA ĀA ĂA ĄA ǍA
ćc ĉc ċc čc çc ĆC ĈC ĊC ČC ďd đd ðd ĎD ĐD ÐD
êe ëe ēe ĕe ėe ęe ěe ẹe ẻe ẽe ếe ềe ểe ễe ệe ÈE ÊE ËE ĒE ĔE ĖE ĘE ĚE
ĝg ğg ġg ģg ĜG ĞG ĠG ĢG ĥh ħh ĤH ĦH íi îi ïi ĩi īi ĭi įi ıi ịi ỉi ÍI ÌI ÎI ÏI ĨI ĪI ĬI ĮI İI
ĵj ĴJ ķk ĸk ĶK ĺl ļl ľl ŀl łl ĹL ĻL ĽL ĿL ŁL ńn ņn ňn ŉn ŋn ŃN ŅN ŇN ŊN
óo ôo õo ōo ŏo őo ơo ọo ỏo ốo ồo ổo ỗo ộo ớo ờo ởo ỡo ợo ºo ÓO ÒO ÔO ÕO ŌO ŎO ŐO ƠO
ŕr ŗr řr ŔR ŖR ŘR śs ŝs şs šs șs ſs ŚS ŜS ŞS ŠS ȘS ẞSS ţt ťt ŧt țt ŢT ŤT ŦT ȚT
úu ûu ũu ūu ŭu ůu űu ųu ưu ụu ủu ứu ừu ửu ữu ựu ÚU ÙU ÛU ŨU ŪU ŬU ŮU ŰU ŲU ƯU
ŵw ŴW ýy ÿy ŷy ỳy ỵy ỷy ỹy ÝY ŸY ŶY źz żz žz ŹZ ŻZ ŽZ þth ÞTh œoe ŒOE ĳij ĲIJ ǽæ ǼÆ ǿø ǾØ ƒf
ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ΆA ΈE ΉH ΊI ΌO ΎY ΏΩ ΪI ΫY
αA βB γΓ δΔ εE ζZ ηH θΘ ιI κK λΛ νN ξΞ οO πΠ ρP σΣ ςΣ τT υY φΦ χX ψΨ ωΩ άA έE ήH ίI όO ύY ώΩ ϊI ϋY ∆Δ ∑Σ ∏Π
μu µu ΩΩ
АA БB ВV ГG ДD ЕE ЁE ЖZh ЗZ ИI ЙY КK ЛL МM НN ОO ПP РR СS ТT УU ФF ХKh ЦTs ЧCh ШSh ЩShch ЪY ЫY Ь' ЭE ЮYu ЯYa ІI ЇYi ЄYe ҐG
аa бb вv гg дd еe ёe жzh зz иi йy кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh щshch ъy ыy ь' эe юyu яya іi їyi єye ґg
‘' ’' ‚, ‛' “" ”" „" ‟" «" »" ‹' ›' ′' ″" ´' ˈ'
‐- ‑- ‒- –- —- ―- −- …... •* ·. ∙. ⁃- ‣*
°deg ℃degC ℉degF ²2 ³3 ¹1 ⁰0 ⁴4 ⁵5 ⁶6 ⁷7 ⁸8 ⁹9 ⁻- ₀0 ₁1 ₂2 ₃3 ₄4 ¼1/4 ½1/2 ¾3/4 ⅓1/3 ⅔2/3
×x ÷/ ±+/- ≤<= ≥>= ≠!= ≈~ ≡= ∞inf √sqrt ‰0/00 ⁄/ ∕/ ←<- →-> ↑^ ↓v ↔<-> ⇒=> ⇐<= ⇔<=> ✓v ✔v ✗x ✘x
©(c) ®(R) ™TM №No ¢c ¦| ¬! ¸, ¨" ¯- †+ ‡+ ₽RUB ₹INR ₩KRW ₺TRY ₴UAH ₿BTC`

// Transliterate returns the text with what the GSM 7 bit default alphabet and its
// extension lack replaced: by the letter without its marks, by letters or signs
// that mean the same, or at last by a question mark. White space becomes a space;
// marks that stand behind their letter, and characters without a shape of their
// own, are left out. The result may be longer than the text.
func Transliterate(text string) string {
	if inAlphabet(text) {
		return text
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		_, n := gsm7.Code(r)
		switch {
		case n > 0:
			b = utf8.AppendRune(b, r)
		case isMark(r):
		case unicode.IsSpace(r):
			b = append(b, ' ')
		default:
			b = append(b, replacement(r)...)
		}
	}
	return string(b)
}

// isMark tells whether a character has no place of its own: marks that combine
// with the letter before, joiners, and what chooses between forms.
func isMark(r rune) bool {
	switch {
	case r >= 0x0300 && r <= 0x036f, r == 0x00ad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e,
		r >= 0x2060 && r <= 0x2064, r >= 0x20d0 && r <= 0x20ff, r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r >= 0x1f3fb && r <= 0x1f3ff:
		return true
	}
	return false
}

// replacement looks a character up.
func replacement(r rune) string {
	wanted := string(r)
	for rest := replacements; ; {
		i := strings.Index(rest, wanted)
		if i < 0 {
			return "?"
		}
		rest = rest[i+len(wanted):]
		// Only in front of a field it is the one that is replaced.
		if before := len(replacements) - len(rest) - len(wanted); before == 0 || replacements[before-1] == ' ' || replacements[before-1] == '\n' {
			if end := strings.IndexAny(rest, " \n"); end >= 0 {
				return rest[:end]
			}
			return rest
		}
	}
}
