/**
 * What an event's fields are made of: one declaration gives the TypeScript type, the JSON schema and the sentence for people.
 *
 * Invariant: every field is always there; what is not known is null. So a reader needs no guess, and a schema no exception.
 */

/** The parts of JSON Schema (draft 2020-12) that events use. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly const?: string | number
  readonly enum?: readonly (string | null)[]
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
}

export interface Field<T> {
  readonly schema: JsonSchema
  readonly sentence: string
  /** Of an object, for its page. */
  readonly fields?: Fields
  /** Only for the type: no value stands here. */
  readonly holds?: T
}

export type Fields = Readonly<Record<string, Field<unknown>>>
export type ValuesOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }

const field = <T>(schema: JsonSchema, sentence: string): Field<T> => ({ schema, sentence })

export const text = (sentence: string): Field<string> => field({ type: 'string' }, sentence)
/** A time as JSON has it: 2026-11-25T22:10:28.123Z (RFC 3339). */
export const time = (sentence: string): Field<string> => field({ type: 'string', format: 'date-time' }, sentence)
export const integer = (sentence: string, minimum = 0): Field<number> => field({ type: 'integer', minimum }, sentence)
export const word = <W extends string>(words: readonly W[], sentence: string): Field<W> => field({ type: 'string', enum: words }, sentence)

/** Reads as "or null". */
export function orNull<T>({ schema, sentence, fields }: Field<T>): Field<T | null> {
  const nullable: JsonSchema = schema.enum !== undefined ? { ...schema, type: ['string', 'null'], enum: [...schema.enum, null] } : typeof schema.type === 'string' ? { ...schema, type: [schema.type, 'null'] } : { anyOf: [schema, { type: 'null' }] }
  return { schema: nullable, sentence, ...(fields === undefined ? {} : { fields }) }
}

export function list<T>(item: Field<T>, sentence: string): Field<readonly T[]> {
  return { schema: { type: 'array', items: item.schema }, sentence, ...(item.fields === undefined ? {} : { fields: item.fields }) }
}

/** Readers pass over fields they do not know: a later program may add some within a version. */
export function object<F extends Fields>(fields: F, sentence: string): Field<ValuesOf<F>> {
  return { schema: objectSchema(fields), sentence, fields }
}

export function objectSchema(fields: Fields): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, { schema, sentence }]) => [name, { ...schema, description: sentence }])),
    required: Object.keys(fields),
    additionalProperties: true,
  }
}

/** Runs of numbers, both ends inclusive: [[1,3],[7,7]]. */
export function runs(sentence: string): Field<readonly (readonly [first: number, last: number])[]> {
  const uid: JsonSchema = { type: 'integer', minimum: 1, maximum: 4_294_967_295 }
  return field({ type: 'array', items: { type: 'array', items: uid, minItems: 2, maxItems: 2 } }, sentence)
}
