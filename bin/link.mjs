// npm links the commands of dependencies, not the project's own: without this `npx pennypost` would look in the registry.
// A script and no link, so that the command runs on the project's own Node, whichever one stands first in PATH.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'

const commands = new URL('../node_modules/.bin/', import.meta.url)
const command = new URL('pennypost', commands)
mkdirSync(commands, { recursive: true })
rmSync(command, { force: true })
writeFileSync(command, '#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\nexec "$here/node" "$here/../../bin/pennypost.ts" "$@"\n', { mode: 0o755 })
