/** `node containers/front/bundle.ts DIRECTORY` makes what `docker build DIRECTORY` needs: main.mjs and the Dockerfile. */
import { bundleFront } from '../../bin/bundle.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('node containers/front/bundle.ts DIRECTORY\n')
  process.exit(2)
}
const { file, sizeBytes } = await bundleFront(directory)
process.stdout.write(`${file} ${sizeBytes}\n`)
