package main

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"sallyport/cmd/internal/config"
)

const configurationHead = `# Configuration

<!-- Written by make docs from the configuration's types. Do not edit. -->

One file, ` + "`sallyport.yaml`" + ` in the working directory, or the one that ` + "`--config FILE`" + ` names. Without a
file, everything has its default. Relative paths are relative to the file. An unknown key is refused
with its line and column. Durations are written as Go writes them: ` + "`500ms`, `15s`, `8h`" + `.

| key | default | what it is |
|---|---|---|
`

// configuration writes the table of keys.
func configuration() (string, error) {
	var b strings.Builder
	b.WriteString(configurationHead)
	defaults, err := config.Load("")
	if err != nil {
		return "", err
	}
	rows(&b, "", reflect.ValueOf(*defaults))
	return b.String(), nil
}

func rows(b *strings.Builder, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue // not read from the file
		}
		value := v.Field(i)
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				value = reflect.New(value.Type().Elem())
			}
			value = value.Elem()
		}
		if element := value.Type(); element.Kind() == reflect.Slice && element.Elem().Kind() == reflect.Struct {
			fmt.Fprintf(b, "| `%s` | | %s |\n", prefix+name, f.Tag.Get("doc"))
			rows(b, prefix+name+"[].", reflect.Zero(element.Elem()))
			continue
		}
		if value.Kind() == reflect.Struct {
			fmt.Fprintf(b, "| `%s` | | %s |\n", prefix+name, f.Tag.Get("doc"))
			rows(b, prefix+name+".", value)
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", prefix+name, shown(value), f.Tag.Get("doc"))
	}
}

func shown(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return "`" + d.String() + "`"
	}
	if v.IsZero() && v.Kind() != reflect.Int {
		return ""
	}
	return fmt.Sprintf("`%v`", v.Interface())
}
