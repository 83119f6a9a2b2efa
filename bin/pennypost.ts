#!/usr/bin/env node
/** The command: what Node makes of the TypeScript is kept beside the packages, so that the next command starts in half the time. */
import { statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../node_modules', import.meta.url))
const owner = statSync(packages, { throwIfNoEntry: false })?.uid
// Not the directory for temporary files, Node's own choice: there others could leave code for us. Only for whom the packages
// belong to: what root left among those of somebody else, their next `npm ci` could not clear away.
if (process.getuid === undefined || process.getuid() === owner) enableCompileCache(`${packages}/.cache/pennypost`)
await import('./main.ts')
