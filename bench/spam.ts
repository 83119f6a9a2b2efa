/**
 * What the spam score makes of real mail: the share of spam caught and of ham taken for spam at the default thresholds, for
 * each source and for both halves of the corpus. Content alone: there are no clients and no checks in it, so both get better in life.
 * By hand: node bench/spam.ts
 */
import { defaultConfig } from '#lib/config.ts'
import { isThere, readCorpus, scoreOf } from '../test/formats/spam/corpus.ts'

const { junkScore, refuseScore } = defaultConfig().inbound

interface Row {
  readonly name: string
  readonly scores: { readonly spam: boolean; readonly score: number; readonly reasons: readonly string[] }[]
}

function share(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(2)}% (${part})`
}

if (!isThere) {
  console.log('the corpus is not beside this checkout')
} else {
  const specimens = readCorpus(() => true)
  const begun = process.cpuUsage()
  const scored = specimens.map((specimen) => {
    const { score, reasons } = scoreOf(specimen)
    return { ...specimen, score, reasons: reasons.map(({ name }) => name) }
  })
  const cpu = process.cpuUsage(begun)
  const rows: Row[] = [...new Set(scored.map(({ source }) => source))].map((name) => ({ name, scores: scored.filter(({ source }) => source === name) }))
  rows.push({ name: 'half a', scores: scored.filter(({ sha256 }) => /^[0-7]/.test(sha256)) }, { name: 'half b', scores: scored.filter(({ sha256 }) => /^[89a-f]/.test(sha256)) }, { name: 'all', scores: scored })
  console.table(
    rows.map(({ name, scores }) => {
      const ham = scores.filter(({ spam }) => !spam)
      const spam = scores.filter((one) => one.spam)
      const above = (list: typeof scores, least: number) => share(list.filter(({ score }) => score >= least).length, list.length)
      return { source: name, spam: spam.length, [`caught at ${junkScore}`]: above(spam, junkScore), [`refused at ${refuseScore}`]: above(spam, refuseScore), ham: ham.length, [`ham at ${junkScore}`]: above(ham, junkScore), [`ham at ${refuseScore}`]: above(ham, refuseScore) }
    }),
  )
  console.log(`${((cpu.user + cpu.system) / 1000 / scored.length).toFixed(2)} ms of CPU a message`)
  const names = [...new Set(scored.flatMap(({ reasons }) => reasons))]
  const rate = (name: string, wanted: boolean) => {
    const list = scored.filter(({ spam }) => spam === wanted)
    return (100 * list.filter(({ reasons }) => reasons.includes(name)).length) / list.length
  }
  console.table(names.map((name) => ({ reason: name, 'of spam %': Number(rate(name, true).toFixed(2)), 'of ham %': Number(rate(name, false).toFixed(2)) })).sort((a, b) => b['of spam %'] - a['of spam %']))
}
