// The few PostgreSQL types that parameters mostly have; the others are shown by their number.

const names: Record<number, string> = {
  16: 'bool', 17: 'bytea', 18: 'char', 19: 'name', 20: 'int8', 21: 'int2', 23: 'int4', 25: 'text', 26: 'oid', 114: 'json',
  142: 'xml', 700: 'float4', 701: 'float8', 790: 'money', 869: 'inet', 650: 'cidr', 1000: 'bool[]', 1005: 'int2[]', 1007: 'int4[]',
  1009: 'text[]', 1016: 'int8[]', 1042: 'bpchar', 1043: 'varchar', 1082: 'date', 1083: 'time', 1114: 'timestamp',
  1184: 'timestamptz', 1186: 'interval', 1266: 'timetz', 1700: 'numeric', 2950: 'uuid', 3802: 'jsonb',
}

export const typeName = (oid: number | undefined) => (oid ? (names[oid] ?? `type ${oid}`) : '')

const numeric = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'money', 'oid', 'xid', 'xid8', 'cid'])

export const isNumeric = (type: string) => numeric.has(type)
