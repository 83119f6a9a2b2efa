/**
 * `npm test`: every check of the project, each with its time, then one line that counts the tests.
 * `npm test -- unit fuzz` runs just the steps named.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Step {
  readonly name: string
  readonly what: string
  readonly command: readonly string[]
  /** Test files run by node's test runner. */
  readonly tests?: readonly string[]
}

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = (path: string): string => `node_modules/${path}`
const testFiles = (pattern: string, without: readonly string[] = []): string[] =>
  globSync(pattern, { cwd: root })
    .filter((file) => !without.some((folder) => file.startsWith(folder)))
    .sort()

const steps: readonly Step[] = [
  { name: 'types', what: 'types of everything', command: ['node', modules('typescript-native/bin/tsc'), '--noEmit'] },
  { name: 'lint', what: 'lint', command: ['node', modules('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { name: 'rooms', what: 'who may import whom', command: ['node', modules('dependency-cruiser/bin/dependency-cruise.mjs'), 'bin', 'lib', 'functions', 'containers', 'examples', '--config', '.dependency-cruiser.cjs', '--output-type', 'err'] },
  { name: 'dead', what: 'dead code and unused packages', command: ['node', modules('knip/bin/knip.js')] },
  { name: 'rfc', what: 'docs/rfc.tsv against the code', command: ['node', 'test/rfc.ts'] },
  { name: 'docs', what: 'generated pages are current', command: ['node', 'bin/writeDocs.ts', '--check'] },
  { name: 'unit', what: 'unit, contract and dialogue tests', command: [], tests: testFiles('test/**/*.test.ts', ['test/fuzz/', 'test/journey/', 'test/engine/', 'test/functions/', 'test/containers/', 'test/stacks/']) },
  { name: 'engine', what: 'the ports of every engine, with crashes', command: [], tests: testFiles('test/engine/**/*.test.ts') },
  { name: 'functions', what: 'functions, and the front as it is shipped, on an emulated account', command: [], tests: testFiles('test/{functions,containers}/**/*.test.ts') },
  { name: 'stacks', what: 'templates, and all of it deployed to an emulated account', command: [], tests: testFiles('test/stacks/**/*.test.ts') },
  { name: 'fuzz', what: 'bounded, seeded fuzzing', command: [], tests: testFiles('test/fuzz/**/*.test.ts') },
  { name: 'journey', what: 'real clients and peers', command: [], tests: testFiles('test/journey/**/*.test.ts') },
]

interface Result {
  readonly ok: boolean
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

async function run(command: readonly string[], count: boolean): Promise<Result> {
  const [program = 'node', ...rest] = command
  const child = spawn(program === 'node' ? process.execPath : program, rest, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  // The counts stand before the failures, which may be long.
  let line = ''
  const counts = new Map<string, number>()
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk)
    const lines = (line + chunk.toString('utf8')).split('\n')
    line = lines.pop() ?? ''
    for (const [, word = '', count] of lines.map((one) => /^ℹ (\w+) (\d+)$/.exec(one) ?? [])) counts.set(word, Number(count))
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (!count) return { ok: code === 0, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
  const number = (word: string): number => counts.get(word) ?? 0
  return { ok: code === 0, passed: number('pass'), failed: number('fail') + number('cancelled'), skipped: number('skipped') + number('todo') }
}

function commandOf(step: Step): readonly string[] {
  if (step.tests === undefined) return step.command
  const serial = ['journey', 'engine', 'functions', 'stacks'].includes(step.name)
  return ['node', '--test', '--test-reporter=spec', `--test-concurrency=${serial ? 1 : 2}`, '--test-timeout=300000', ...step.tests]
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  process.stderr.write(`there is no step ${unknown.join(', ')}; the steps are ${steps.map((step) => step.name).join(', ')}\n`)
  process.exit(2)
}

/** Who needs the programs that a script installs. */
const installers = { functions: ['functions'], journey: ['journey', 'stacks'] }
for (const [name, users] of Object.entries(installers)) if ((wanted.length === 0 || users.some((user) => wanted.includes(user))) && existsSync('/usr/bin/apt-get')) await run(['sh', `test/${name}/install.sh`], false)

let [passed, failed, skipped] = [0, 0, 0]
const summary: string[] = []
for (const step of steps) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue
  process.stdout.write(`\n=== ${step.name}: ${step.what}\n`)
  const began = Date.now()
  const result = await run(commandOf(step), step.tests !== undefined)
  // A runner that fails without counting a failure (a crash, no test found) is a failure all the same.
  const failures = result.ok ? result.failed : Math.max(1, result.failed)
  passed += result.passed
  failed += failures
  skipped += result.skipped
  summary.push(`${failures === 0 ? 'ok    ' : 'FAILED'} ${step.name.padEnd(8)} ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${result.passed} passed, ${failures} failed, ${result.skipped} skipped`)
}

process.stdout.write(`\n${summary.join('\n')}\n\n${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
