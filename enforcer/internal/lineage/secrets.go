package lineage

import (
	pgtypes "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// hide notes the constants and parameters in an expression that is held against a masked column, or
// bound for one: a recording must not have them either.
func (e *eval) hide(n *pgtypes.Node) {
	if n == nil {
		return
	}
	e.hidden(n)
}

func (e *eval) hideAll(list []*pgtypes.Node) {
	for _, n := range list {
		e.hide(n)
	}
}

func (e *eval) hidden(m proto.Message) {
	e.budget.step()
	switch m := m.(type) {
	case *pgtypes.A_Const:
		if _, boolean := m.Val.(*pgtypes.A_Const_Boolval); !m.Isnull && !boolean {
			e.found.literals = append(e.found.literals, m)
			e.found.exact = true
		}
		return
	case *pgtypes.ParamRef:
		e.found.parameters = append(e.found.parameters, m.Number)
		return
	case *pgtypes.TypeName:
		return
	}
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind {
			return true
		}
		if f.IsList() {
			for i, l := 0, v.List(); i < l.Len(); i++ {
				e.hidden(l.Get(i).Message().Interface())
			}
			return true
		}
		e.hidden(v.Message().Interface())
		return true
	})
}
