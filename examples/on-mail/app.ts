/** `npx cdk deploy --app "node examples/on-mail/app.ts"`, beside a deployment that was made with `-c events=true`. */
import { App, Stack } from 'aws-cdk-lib'
import { Code } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { build } from 'esbuild'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onMail } from '#lib/stacks/onMail.ts'

export class TicketStack extends Stack {
  constructor(scope: Construct, code: Code, to: readonly string[]) {
    super(scope, 'pennypost-tickets')
    onMail(this, 'Tickets', { to, code })
  }
}

/** The function in one file; the directory it is in. */
export async function bundleHandler(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'pennypost-tickets-'))
  await build({ entryPoints: [fileURLToPath(new URL('handler.ts', import.meta.url))], outfile: join(directory, 'handler.mjs'), bundle: true, platform: 'node', target: 'node24', format: 'esm', minify: true, logLevel: 'error' })
  return directory
}

if (import.meta.main) {
  const app = new App()
  const to = String(app.node.tryGetContext('to') ?? 'support@example.com').split(',')
  new TicketStack(app, Code.fromAsset(await bundleHandler()), to)
  app.synth()
}
