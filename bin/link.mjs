// npm links the commands of dependencies, not the project's own: without this `npx pennypost` would look in the registry.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'

const commands = new URL('../node_modules/.bin/', import.meta.url)
mkdirSync(commands, { recursive: true })
rmSync(new URL('pennypost', commands), { force: true })
symlinkSync('../../bin/pennypost.ts', new URL('pennypost', commands))
