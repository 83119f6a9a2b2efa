/** The part of JSON Schema that events use, checked strictly: a word it does not know is a mistake of the schema. */
import { eventSchema } from '#lib/formats/events/schema.ts'
import type { EventType } from '#lib/formats/events/event.ts'
import type { JsonSchema } from '#lib/formats/events/field.ts'

const known = new Set(['type', 'description', 'const', 'enum', 'format', 'minimum', 'maximum', 'items', 'minItems', 'maxItems', 'anyOf', 'properties', 'required', 'additionalProperties', '$schema', '$id', 'title'])

/** Faults of an event as JSON has it; also fields that no schema tells of. */
export function faultsOf(event: unknown): string[] {
  const json = JSON.parse(JSON.stringify(event)) as { type: EventType }
  return check(json, eventSchema(json.type), '')
}

function check(value: unknown, schema: JsonSchema, at: string): string[] {
  const unknown = Object.keys(schema).filter((word) => !known.has(word))
  if (unknown.length > 0) return [`${at}: the schema has ${unknown.join()}`]
  if (schema.anyOf !== undefined) return schema.anyOf.some((one) => check(value, one, at).length === 0) ? [] : [`${at}: fits none of the schemas (${check(value, schema.anyOf[0] ?? {}, at).join('; ')})`]
  const faults: string[] = []
  const types = schema.type === undefined ? [] : [schema.type].flat()
  if (types.length > 0 && !types.some((type) => isOf(value, type))) faults.push(`${at}: ${JSON.stringify(value)} is no ${types.join(' or ')}`)
  if (schema.const !== undefined && value !== schema.const) faults.push(`${at}: ${JSON.stringify(value)} is not ${schema.const}`)
  if (schema.enum !== undefined && !schema.enum.includes(value as string | null)) faults.push(`${at}: ${JSON.stringify(value)} is none of ${schema.enum.join()}`)
  if (typeof value === 'number' && (value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity))) faults.push(`${at}: ${value} is out of bounds`)
  if (typeof value === 'string' && schema.format === 'date-time' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)) faults.push(`${at}: ${value} is no time`)
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Infinity)) faults.push(`${at}: ${value.length} items`)
    value.forEach((item, n) => faults.push(...check(item, schema.items ?? {}, `${at}[${n}]`)))
  } else if (typeof value === 'object' && value !== null) faults.push(...checkFields(value as Record<string, unknown>, schema, at))
  return faults
}

function checkFields(value: Record<string, unknown>, { properties = {}, required = [] }: JsonSchema, at: string): string[] {
  const missing = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${at}.${name} is missing`)
  return [...missing, ...Object.entries(value).flatMap(([name, field]) => (properties[name] === undefined ? [`${at}.${name} is in no schema`] : check(field, properties[name], `${at}.${name}`)))]
}

function isOf(value: unknown, type: string): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
