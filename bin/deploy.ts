/**
 * The CDK app: `cdk deploy --all -c domain=example.com`. docs/aws.md says what may be chosen and what comes after.
 *
 * Invariants: one synthesis; every stack has passed cdk-nag; nothing is looked up in the account; Docker is asked for only
 * when the front's image is built, which is after the synthesis.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { App, Validations } from 'aws-cdk-lib'
import { Platform } from 'aws-cdk-lib/aws-ecr-assets'
import { ContainerImage } from 'aws-cdk-lib/aws-ecs'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag'
import { addStacks } from '#lib/stacks/app.ts'
import { ChoiceError, readChoices, verbsOf } from '#lib/stacks/choices.ts'
import type { Choices } from '#lib/stacks/choices.ts'
import { bundleFront, bundleFunction } from './bundle.ts'

/** Choices are plain words; CDK's own keys have a colon, a slash or a hyphen in them. */
function contextOf(app: App): Record<string, unknown> {
  const all = app.node.getAllContext() as Record<string, unknown>
  return Object.fromEntries(Object.entries(all).filter(([name]) => /^[a-zA-Z0-9]+$/.test(name)))
}

async function readSettingsFile(file: unknown): Promise<Record<string, unknown>> {
  if (typeof file !== 'string') return {}
  if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  const { default: settings } = (await import(pathToFileURL(resolve(file)).href)) as { default: Record<string, unknown> }
  return settings
}

async function chosen(app: App): Promise<Choices> {
  const { settings, ...context } = contextOf(app)
  return readChoices([await readSettingsFile(settings), context])
}

async function synthesise(app: App, choices: Choices, directory: string): Promise<void> {
  const folderOf = (name: string): string => join(directory, name)
  await Promise.all([...verbsOf(choices).map((verb) => bundleFunction(verb, folderOf(verb))), ...(choices.image === '' ? [bundleFront(folderOf('front'))] : [])])
  const account = process.env['CDK_DEFAULT_ACCOUNT']
  const region = choices.region || process.env['CDK_DEFAULT_REGION'] || 'us-east-1'
  addStacks(app, { choices, env: { region, ...(account === undefined ? {} : { account }) } }, {
    code: (verb) => Code.fromAsset(folderOf(verb)),
    image: choices.image === '' ? ContainerImage.fromAsset(folderOf('front'), { platform: Platform.LINUX_ARM64 }) : ContainerImage.fromRegistry(choices.image),
  })
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app))
  app.synth()
}

const app = new App()
const bundles = mkdtempSync(join(tmpdir(), 'pennypost-bundles-'))
try {
  await synthesise(app, await chosen(app), bundles)
} catch (error) {
  if (!(error instanceof ChoiceError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(bundles, { recursive: true })
}
