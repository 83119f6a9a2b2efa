/** JSON schemas of the events (draft 2020-12), made from their declarations. */
import { commonFields, declarations } from './event.ts'
import type { EventType } from './event.ts'
import { objectSchema } from './field.ts'
import type { JsonSchema } from './field.ts'

export interface EventSchema extends JsonSchema {
  readonly $schema: string
  readonly $id: string
  readonly title: string
}

export function schemaName(type: EventType): string {
  return `${type}.v${declarations[type].version}.json`
}

export function eventSchema(type: EventType): EventSchema {
  const { version, sentence, fields } = declarations[type]
  const common = objectSchema(commonFields)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:pennypost:event:${type}:v${version}`,
    title: type,
    description: sentence,
    ...common,
    properties: { ...common.properties, type: { const: type }, version: { const: version }, detail: objectSchema(fields) },
    required: [...(common.required ?? []), 'detail'],
  }
}
