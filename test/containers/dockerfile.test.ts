/** What the image is made of; nothing here can build it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const lines = read('containers/front/Dockerfile').split('\n').filter((line) => /^[A-Z]/.test(line))

describe('the Dockerfile of the front', () => {
  it('begins with the public image of the Node that everything is tested on', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: { node: string } }
    assert.match(lines[0] ?? '', new RegExp(`^FROM public\\.ecr\\.aws/docker/library/node:${dependencies.node.replaceAll('.', '\\.')}-[a-z]+-slim$`))
  })

  it('adds one file and runs nothing while it is built', () => {
    assert.deepEqual(lines.filter((line) => /^(RUN|COPY|ADD) /.test(line)), ['COPY --chown=root:root --chmod=444 main.mjs /pennypost/main.mjs'])
  })

  it('runs Node itself as nobody special, so that the signal to stop reaches it', () => {
    assert.ok(lines.includes('USER node'))
    assert.equal(lines.at(-1), 'ENTRYPOINT ["node", "main.mjs"]')
  })
})
