/** The stacks as a test sees them: synthesised once for each deployment, without bundles, Docker or an account. */
import { App } from 'aws-cdk-lib'
import { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { Template } from 'aws-cdk-lib/assertions'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addStacks } from '#lib/stacks/app.ts'
import { readChoices } from '#lib/stacks/choices.ts'
import type { DeploySettings } from '#lib/stacks/choices.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> }

export interface Resource {
  readonly Type: string
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
  readonly Properties?: Readonly<Record<string, unknown>>
}

export interface Deployment {
  readonly app: App
  /** By the part of the name behind the deployment's: storage, pipeline ... */
  readonly templates: ReadonlyMap<string, Template>
  readonly protectedParts: readonly string[]
}

export function makeApp(settings: DeploySettings): { readonly app: App; readonly stacks: ReturnType<typeof addStacks> } {
  const outdir = mkdtempSync(join(tmpdir(), 'pennypost-stacks-'))
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }))
  const app = new App({ context, outdir })
  const choices = readChoices([{ domain: 'example.com' }, settings])
  const stacks = addStacks(app, { choices, env: { account: '111122223333', region: 'us-east-1' } }, { code: () => Code.fromInline('exports.handler = async () => {}'), image: ContainerImage.fromAsset(join(root, 'containers/front')) })
  return { app, stacks }
}

export function synthesise(settings: DeploySettings): Deployment {
  const { app, stacks } = makeApp(settings)
  const parts = stacks.map((stack): [string, (typeof stacks)[number]] => [stack.stackName.split('-').at(-1) ?? '', stack])
  return { app, templates: new Map(parts.map(([part, stack]) => [part, Template.fromStack(stack)])), protectedParts: parts.filter(([, stack]) => stack.terminationProtection === true).map(([part]) => part) }
}

export function resourcesOf({ templates }: Deployment, type?: string): [name: string, resource: Resource][] {
  return [...templates.values()].flatMap((template) => Object.entries((template.toJSON() as { Resources: Record<string, Resource> }).Resources)).filter(([, resource]) => type === undefined || resource.Type === type)
}
