/** Templates as text that a reviewer can read: a property a line as far as it fits, without what changes by itself. */
import type { Deployment } from './synthesised.ts'

const lineLength = 140

export function showTemplates({ templates }: Deployment): string {
  return [...templates]
    .map(([part, template]) => {
      const { Resources, Outputs = {} } = template.toJSON() as { Resources: Record<string, { Type: string }>; Outputs?: Record<string, { Value: unknown }> }
      const resources = Object.entries(Resources).map(([id, { Type, ...rest }]) => `${Type} ${id}${show(rest, '  ')}`)
      const outputs = Object.entries(Outputs).map(([id, { Value }]) => `Output ${id}${show({ Value }, '  ')}`)
      return `=== ${part}\n\n${[...resources.sort(), ...outputs.sort()].join('\n')}\n`
    })
    .join('\n')
    .replaceAll(/[0-9a-f]{64}/g, '<hash>')
}

function show(value: object, indent: string): string {
  const entries: [string, unknown][] = Array.isArray(value) ? value.map((one) => ['-', one]) : Object.entries(value)
  return entries
    .map(([name, inner]) => {
      const line = `\n${indent}${name} ${JSON.stringify(inner)}`
      return line.length <= lineLength || typeof inner !== 'object' || inner === null ? line : `\n${indent}${name}${show(inner, `${indent}  `)}`
    })
    .join('')
}
