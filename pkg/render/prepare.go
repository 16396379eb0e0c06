package render

import "reflect"

// prepared is a copy of the report, as a value, in which an empty list is [] and
// never null, so that readers of the JSON can walk every list without asking,
// and in which every string is safe: JSON and YAML end on terminals too, and
// YAML cannot hold some control characters. A nil pointer stays: there, null
// says something; what another points to is copied.
func prepared(report any) any {
	v := reflect.ValueOf(report)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	fill(out)
	return out.Interface()
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		for i := range own.Len() {
			fill(own.Index(i))
		}
		v.Set(own)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		fill(own.Elem())
		v.Set(own)
	case reflect.String:
		v.SetString(safe(v.String()))
	default: // a map has a nil that means something; the rest has none
	}
}
