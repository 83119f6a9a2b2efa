/** docs/events.md and docs/schemas, from the declarations of events (lib/formats/events). */
import { commonFields, declarations, eventTypes } from '#lib/formats/events/event.ts'
import type { EventType } from '#lib/formats/events/event.ts'
import type { Field, Fields, JsonSchema } from '#lib/formats/events/field.ts'
import { eventSchema, schemaName } from '#lib/formats/events/schema.ts'
import { eventsIntroduction } from './eventsIntroduction.ts'

/** Each file below docs, with its text. */
export function eventPages(): [file: string, text: string][] {
  return [['events.md', eventsPage()], ...eventTypes.map((type): [string, string] => [`schemas/${schemaName(type)}`, `${JSON.stringify(eventSchema(type), null, 2)}\n`])]
}

function eventsPage(): string {
  const index = ['| type | when |', '|---|---|', ...eventTypes.map((type) => `| [\`${type}\`](#${type}) | ${declarations[type].sentence} |`)]
  const common = ['## What all events have', '', ...fieldTable({ ...commonFields, detail: { schema: { type: 'object' }, sentence: 'What the type adds.' } }), '']
  return [...eventsIntroduction, '## Types', '', ...index, '', ...common, ...eventTypes.flatMap(section)].join('\n')
}

function section(type: EventType): string[] {
  const { version, sentence, fields } = declarations[type]
  return [`## ${type}`, '', `${sentence} Version ${version}, [schema](schemas/${schemaName(type)}).`, '', ...fieldTable(fields), '']
}

function fieldTable(fields: Fields): string[] {
  return ['| field | type | what it is |', '|---|---|---|', ...rows(fields, '')]
}

function rows(fields: Fields, path: string): string[] {
  return Object.entries(fields).flatMap(([name, field]) => [`| \`${path}${name}\` | ${typeOf(field)} | ${field.sentence.replaceAll('|', '\\|')} |`, ...(field.fields === undefined ? [] : rows(field.fields, `${path}${name}${isList(field) ? '[]' : ''}.`))])
}

const isList = ({ schema }: Field<unknown>): boolean => [schema.type].flat().includes('array')

function typeOf({ schema }: Field<unknown>): string {
  const nullable = schema.anyOf !== undefined || (Array.isArray(schema.type) && schema.type.includes('null'))
  return wordFor(schema) + (nullable ? ' or null' : '')
}

function wordFor(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return wordFor(schema.anyOf[0] ?? {})
  if (schema.enum !== undefined && schema.enum.length < 6) return schema.enum.filter((one) => one !== null).map((one) => `\`${one}\``).join(', ')
  if (schema.format === 'date-time') return 'time'
  const type = [schema.type].flat()[0] ?? 'any'
  return type === 'array' ? 'list' : type === 'string' ? 'text' : type
}
