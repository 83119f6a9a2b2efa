/**
 * New DKIM keys in place of old ones, without a message whose signature nobody can check.
 *
 * The life of a key:
 *   made with its domain:  signs -> rests -> removed
 *   made later:            waits -> signs -> rests -> removed
 *                          waits -> removed
 * It waits until its record is seen in public, and rests while mail that it has signed is on its way (RFC 6376 §3.1).
 * The records of all of them are published; those that sign do so together.
 */
import { showDomain } from '#lib/formats/address/domain.ts'
import type { DkimKey, Domain } from './account.ts'
import { demandDomain } from './deps.ts'
import type { DirectoryDeps } from './deps.ts'
import { makeDkimKeys } from './dkimKeys.ts'
import { demandOpenDomain } from './domains.ts'
import { DirectoryRefusal } from './refusal.ts'
import { changeRows, keys, replace } from './rows.ts'

export const signs = ({ use }: DkimKey): boolean => use === undefined
const waits = ({ use }: DkimKey): boolean => use === 'waits'

/** A pair that waits. @throws DirectoryRefusal `missing`, `exists` when others wait already */
export async function addDkimKeys(deps: DirectoryDeps, name: string): Promise<Domain> {
  const fresh = await (deps.makeDkimKeys ?? makeDkimKeys)(deps.clock.now())
  return await changeKeys(deps, name, ({ dkim }) => {
    const waiting = dkim.filter(waits)
    if (waiting.length > 0) throw new DirectoryRefusal('exists', `${selectorsOf(waiting)} of ${showDomain(demandDomain(name))} wait already: let them sign, or remove them`)
    const taken = new Set(dkim.map(({ selector }) => selector))
    return [...dkim, ...fresh.map((key): DkimKey => ({ ...key, selector: freeSelector(key.selector, taken), use: 'waits' }))]
  })
}

/** Those that wait sign from now on, those that signed rest. @throws DirectoryRefusal `missing` */
export async function useDkimKeys(deps: DirectoryDeps, name: string): Promise<Domain> {
  return await changeKeys(deps, name, ({ dkim }) => {
    if (!dkim.some(waits)) throw new DirectoryRefusal('missing', `${showDomain(demandDomain(name))} has no keys that wait: make them first`)
    return dkim.map(({ use, ...key }): DkimKey => (use === 'waits' ? key : { ...key, use: 'rests' }))
  })
}

/** @param selectors of keys that do not sign; none means all that rest. @throws DirectoryRefusal `missing`, `in-use` */
export async function removeDkimKeys(deps: DirectoryDeps, name: string, selectors: readonly string[]): Promise<Domain> {
  return await changeKeys(deps, name, ({ dkim }) => {
    const leaving = selectors.length === 0 ? dkim.filter(({ use }) => use === 'rests') : selectors.map((selector) => demandKey(dkim, name, selector))
    const signing = leaving.filter(signs)
    if (signing.length > 0) throw new DirectoryRefusal('in-use', `${selectorsOf(signing)} signs: let another one do that first`)
    if (leaving.length === 0) throw new DirectoryRefusal('missing', `${showDomain(demandDomain(name))} has no keys that rest`)
    return dkim.filter((key) => !leaving.includes(key))
  })
}

function demandKey(dkim: readonly DkimKey[], name: string, wanted: string): DkimKey {
  const key = dkim.find(({ selector }) => selector === wanted)
  if (key === undefined) throw new DirectoryRefusal('missing', `${showDomain(demandDomain(name))} has no key ${wanted}`)
  return key
}

async function changeKeys(deps: DirectoryDeps, text: string, change: (domain: Domain) => readonly DkimKey[]): Promise<Domain> {
  const name = demandDomain(text)
  return await changeRows(deps.table, async () => {
    const read = await demandOpenDomain(deps, name)
    const domain = { ...read.value, dkim: change(read.value) }
    return { changes: [replace(keys.domain(name), read, domain)], result: domain }
  })
}

/**
 * A second pair of the same month gets a letter, behind that of every pair there is: a pair that signs outlives those that signed
 * before it, so no selector that has signed is given to another key while its old record lies in caches (RFC 6376 §3.1).
 */
function freeSelector(selector: string, taken: ReadonlySet<string>): string {
  const all = ['', ...'bcdefghijklmnopqrstuvwxyz'].map((letter) => selector + letter)
  const free = all[all.findLastIndex((one) => taken.has(one)) + 1]
  if (free === undefined) throw new DirectoryRefusal('invalid', 'no more keys can be made this month')
  return free
}

const selectorsOf = (some: readonly DkimKey[]): string => some.map(({ selector }) => selector).join(' and ')
