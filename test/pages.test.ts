/** Pages name files, folders and headings that are there. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = globSync(['*.md', 'docs/*.md', 'docs/decisions/*.md', 'examples/*/*.md'], { cwd: root })
const tree = globSync('{bench,bin,containers,docs,examples,functions,lib,test}/**', { cwd: root })
const rooms = [...readdirSync(join(root, 'lib')), ...readdirSync(root)]

/** Written by programs when they run. */
const madeLater = ['mailboxes.json', 'pennypost.conf', 'main.mjs', 'handler.mjs', 'pennypost.deploy.ts']

/** A name between backticks that means a file or a folder of the project; a word in capitals stands for any of them. */
function isPath(name: string): boolean {
  if (!/^[\w.-]+(?:\/[\w.-]+)*\/?$/.test(name) || /(?:^|\/)[A-Z]+\.ts$/.test(name) || madeLater.includes(name.split('/').at(-1) ?? '')) return false
  return /\.(?:ts|mjs|cjs|md|tsv)$/.test(name) || (name.includes('/') && rooms.includes(name.split('/')[0] ?? ''))
}

/** From the top, from lib/, from the page's own folder, or by its last part: a page names a file in full once, and then by itself. */
function exists(name: string, page: string): boolean {
  const path = name.replace(/\/$/, '')
  return [path, join('lib', path), join(dirname(page), path)].some((one) => existsSync(join(root, one))) || tree.some((one) => one.endsWith(`/${path}`))
}

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): string[] => [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))

describe('the pages', () => {
  for (const page of pages) {
    it(`${page} names files and folders that are there`, () => {
      const named = [...read(page).matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name).filter(isPath)
      assert.deepEqual(named.filter((name) => !exists(name, page)), [])
    })

    it(`${page} links to pages and headings that are there`, () => {
      const broken = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link = '']) => link)
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => {
          const [path = '', anchor] = link.split('#')
          const target = path === '' ? page : join(dirname(page), path)
          return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
        })
      assert.deepEqual(broken, [])
    })
  }

  it('docs/architecture.md names every room', () => {
    const text = read('docs/architecture.md')
    const folders = (path: string): string[] => readdirSync(join(root, path), { withFileTypes: true }).filter((one) => one.isDirectory()).map(({ name }) => name)
    const wanted = ['bin', 'functions', 'containers', 'examples', ...folders('lib').map((room) => `lib/${room}`), ...folders('lib/mail').map((room) => `mail/${room}`), ...folders('lib/serve').map((room) => `serve/${room}`), ...folders('lib/engine').map((room) => `engine/${room}`), ...folders('functions').map((verb) => `functions/${verb}`)]
    assert.deepEqual(wanted.filter((room) => !new RegExp(`(?<![\\w-])${room}(?![\\w-])`).test(text)), [])
  })
})
