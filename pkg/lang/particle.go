package lang

import (
	"strings"
	"unicode/utf8"
)

// dual are the particles of Korean whose form hangs on whether the word before
// ends in a consonant, as they are written where that word is not known.
func dual() []particle {
	return []particle{
		{"이(가)", "이", "가"},
		{"을(를)", "을", "를"},
		{"은(는)", "은", "는"},
		{"와(과)", "과", "와"},
		{"(으)로", "으로", "로"},
	}
}

type particle struct{ written, consonant, vowel string }

// chooseParticles puts the right form in the place of each dual one. Behind a
// letter that Korean readers end either way (a "web" is 웹, a "db" is 디비) the
// dual form stays, which is right for both.
func chooseParticles(text string) string {
	if !strings.Contains(text, "(") {
		return text
	}
	for _, p := range dual() {
		pieces := strings.Split(text, p.written)
		var b strings.Builder
		for i, piece := range pieces {
			b.WriteString(piece)
			if i == len(pieces)-1 {
				break
			}
			switch e := ending(piece); {
			case e == unknown:
				b.WriteString(p.written)
			case e == vowel, e == liquid && p.vowel == "로":
				b.WriteString(p.vowel)
			default:
				b.WriteString(p.consonant)
			}
		}
		text = b.String()
	}
	return text
}

type sound int

const (
	unknown sound = iota
	vowel
	consonant
	// liquid is the consonant ㄹ, behind which it is 로 as behind a vowel.
	liquid
)

// ending is how the last word of a text ends when it is read out. Quotes behind
// it do not count, nor what stands in parentheses.
func ending(text string) sound {
	text = strings.TrimRight(text, `"'”’`)
	if open := strings.LastIndex(text, "("); strings.HasSuffix(text, ")") && open > 0 {
		text = strings.TrimRight(text[:open], ` "'`)
	}
	last, _ := utf8.DecodeLastRuneInString(text)
	switch {
	case last >= '가' && last <= '힣':
		return ofSyllable(last)
	case strings.ContainsRune("2459%", last):
		return vowel
	case strings.ContainsRune("036", last):
		return consonant
	case strings.ContainsRune("178lL", last):
		return liquid
	case strings.ContainsRune("mMnN", last), strings.HasSuffix(text, "ng"):
		return consonant
	case strings.ContainsRune("bcekptBCEKPT", last), last == utf8.RuneError:
		return unknown
	case last >= 'a' && last <= 'z', last >= 'A' && last <= 'Z':
		return vowel
	}
	return unknown
}

// ofSyllable goes by the final consonant: Unicode has the 28 of each syllable in a
// row, none first and ㄹ as number 8.
func ofSyllable(syllable rune) sound {
	switch (syllable - '가') % 28 {
	case 0:
		return vowel
	case 8:
		return liquid
	}
	return consonant
}
