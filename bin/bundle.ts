/**
 * Entry points as one file each: functions for Lambda, the front for its image. By esbuild in this process, without Docker
 * or a package manager; what an entry point imports is in its file, the SDK too, so that what was tested is what runs.
 *
 * Invariant: the engine of one machine, whose library is native, is in none of them.
 */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Native helpers that their packages do without. */
export const nativeHelpers: readonly string[] = ['msgpackr-extract']

export interface Bundle {
  readonly file: string
  readonly sizeBytes: number
  /** Octets of each source file that is in it, by its path in the project. */
  readonly parts: Readonly<Record<string, number>>
  /** Modules that it still asks for when it runs. */
  readonly asks: readonly string[]
}

/** `handler.mjs` in the directory. @param verb the folder of functions/ */
export async function bundleFunction(verb: string, directory: string): Promise<Bundle> {
  return await bundle(join('functions', verb, 'handler.ts'), join(directory, 'handler.mjs'))
}

/** `main.mjs` and its Dockerfile in the directory. */
export async function bundleFront(directory: string): Promise<Bundle> {
  const made = await bundle('containers/front/main.ts', join(directory, 'main.mjs'))
  copyFileSync(join(root, 'containers/front/Dockerfile'), join(directory, 'Dockerfile'))
  return made
}

async function bundle(entry: string, outfile: string): Promise<Bundle> {
  mkdirSync(join(outfile, '..'), { recursive: true })
  const { metafile } = await build({
    entryPoints: [join(root, entry)],
    outfile,
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    // Names of classes stand in logs and errors.
    keepNames: true,
    legalComments: 'none',
    sourcemap: false,
    metafile: true,
    logLevel: 'error',
    // Packages of the older module format ask for Node's own modules by `require`.
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
    external: [...nativeHelpers],
  })
  const [made] = Object.values(metafile.outputs)
  if (made === undefined) throw new Error(`${entry} made no bundle`)
  const parts = Object.fromEntries(Object.entries(made.inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput]))
  return { file: outfile, sizeBytes: made.bytes, parts, asks: made.imports.filter(({ external }) => external === true).map(({ path }) => path) }
}
