package screen

import "strconv"

// Color is a colour: none, one of 256, or 24 bits.
type Color uint32

// Kinds of colours, in their upper bits.
const (
	indexed Color = 1 << 24
	direct  Color = 2 << 24
)

// Attributes is a set of ways to draw a character.
type Attributes uint16

// Attributes.
const (
	Bold Attributes = 1 << iota
	Faint
	Italic
	Underlined
	Blinking
	Inverse
	Invisible
	Struck
	Overlined
)

// codes are the SGR parameters of Attributes, in their order.
var codes = [...]string{"1", "2", "3", "4", "5", "7", "8", "9", "53"}

// Style is how a character is drawn.
type Style struct {
	Foreground, Background Color
	Attributes             Attributes
}

// background is what an erased cell has of a style.
func (s Style) background() Style { return Style{Background: s.Background} }

// sgr appends the sequence that sets the style, whatever was set before.
func (s Style) sgr(b []byte) []byte {
	b = append(b, "\x1b[0"...)
	for i, code := range codes {
		if s.Attributes&(1<<i) != 0 {
			b = append(append(b, ';'), code...)
		}
	}
	b = s.Foreground.sgr(b, 30)
	b = s.Background.sgr(b, 40)
	return append(b, 'm')
}

func (c Color) sgr(b []byte, base int64) []byte {
	n := int64(c & 0xFFFFFF)
	switch {
	case c&direct != 0:
		b = strconv.AppendInt(append(b, ';'), base+8, 10)
		b = strconv.AppendInt(append(b, ";2;"...), n>>16, 10)
		b = strconv.AppendInt(append(b, ';'), n>>8&0xFF, 10)
		return strconv.AppendInt(append(b, ';'), n&0xFF, 10)
	case c&indexed == 0:
		return b
	case n < 8:
		return strconv.AppendInt(append(b, ';'), base+n, 10)
	case n < 16:
		return strconv.AppendInt(append(b, ';'), base+60+n-8, 10)
	}
	b = strconv.AppendInt(append(b, ';'), base+8, 10)
	return strconv.AppendInt(append(b, ";5;"...), n, 10)
}

// style applies SGR.
func (s *Screen) style(ps []param) {
	if len(ps) == 0 {
		s.pen = Style{}
	}
	for i := 0; i < len(ps); i++ {
		n := ps[i].value
		set := func(a Attributes) { s.pen.Attributes |= a }
		clear := func(a Attributes) { s.pen.Attributes &^= a }
		switch {
		case n == 0:
			s.pen = Style{}
		case n == 1:
			set(Bold)
		case n == 2:
			set(Faint)
		case n == 3:
			set(Italic)
		case n == 4 || n == 21:
			if n == 4 && i+1 < len(ps) && ps[i+1].sub && ps[i+1].value == 0 {
				clear(Underlined)
			} else {
				set(Underlined)
			}
		case n == 5 || n == 6:
			set(Blinking)
		case n == 7:
			set(Inverse)
		case n == 8:
			set(Invisible)
		case n == 9:
			set(Struck)
		case n == 22:
			clear(Bold | Faint)
		case n == 23:
			clear(Italic)
		case n == 24:
			clear(Underlined)
		case n == 25:
			clear(Blinking)
		case n == 27:
			clear(Inverse)
		case n == 28:
			clear(Invisible)
		case n == 29:
			clear(Struck)
		case n == 53:
			set(Overlined)
		case n == 55:
			clear(Overlined)
		case 30 <= n && n <= 37:
			s.pen.Foreground = indexed | Color(n-30)
		case 40 <= n && n <= 47:
			s.pen.Background = indexed | Color(n-40)
		case 90 <= n && n <= 97:
			s.pen.Foreground = indexed | Color(n-90+8)
		case 100 <= n && n <= 107:
			s.pen.Background = indexed | Color(n-100+8)
		case n == 39:
			s.pen.Foreground = 0
		case n == 49:
			s.pen.Background = 0
		case n == 38 || n == 48 || n == 58:
			c, used, ok := extended(ps[i+1:])
			i += used
			if ok && n == 38 {
				s.pen.Foreground = c
			} else if ok && n == 48 {
				s.pen.Background = c
			}
		}
		for i+1 < len(ps) && ps[i+1].sub {
			i++
		}
	}
}

// extended reads the colour after 38 or 48: 5;n, 2;r;g;b, 5:n, 2:r:g:b or 2:space:r:g:b.
func extended(ps []param) (c Color, used int, ok bool) {
	if len(ps) == 0 {
		return 0, 0, false
	}
	if ps[0].sub {
		n := 0
		for n < len(ps) && ps[n].sub {
			n++
		}
		sub := ps[:n]
		switch {
		case sub[0].value == 5 && n >= 2:
			return indexed | Color(sub[1].value&0xFF), n, true
		case sub[0].value == 2 && n >= 4:
			rgb := sub[n-3:]
			if n >= 5 {
				rgb = sub[2:5]
			}
			return rgbOf(rgb), n, true
		}
		return 0, n, false
	}
	switch {
	case ps[0].value == 5 && len(ps) >= 2:
		return indexed | Color(ps[1].value&0xFF), 2, true
	case ps[0].value == 2 && len(ps) >= 4:
		return rgbOf(ps[1:4]), 4, true
	}
	return 0, len(ps), false
}

func rgbOf(ps []param) Color {
	return direct | Color(min(ps[0].value, 255))<<16 | Color(min(ps[1].value, 255))<<8 | Color(min(ps[2].value, 255))
}
