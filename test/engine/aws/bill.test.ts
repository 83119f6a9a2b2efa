import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { alarms, monthlyBill } from '#lib/engine/aws/bill.ts'
import type { BillQuestion } from '#lib/engine/aws/bill.ts'
import { addCounts, dollarsOf as priceOf, noCounts } from '#lib/engine/aws/prices.ts'
import type { Counts } from '#lib/engine/aws/prices.ts'

const question: BillQuestion = { received: 10_000, sent: 1000, sizeBytes: 10_000, mailboxes: 10, storedGb: 10, mode: 'lean' }
const dollarsOf = (change: Partial<BillQuestion>): number => monthlyBill({ ...question, ...change }).totalDollars

describe('A bill of AWS', () => {
  it('is the sum of its items', () => {
    const { items, totalDollars } = monthlyBill(question)
    assert.ok(Math.abs(items.reduce((sum, { dollars }) => sum + dollars, 0) - totalDollars) < 0.01)
    assert.ok(items.every(({ source, dollars }) => source.startsWith('https://') && dollars >= 0))
  })

  it('takes what a message costs from the file that the metered tests write, and nothing of it is typed in', () => {
    const measured = JSON.parse(readFileSync(new URL('../../../lib/engine/aws/measured.json', import.meta.url), 'utf8')) as Record<string, Partial<Counts>>
    const centsOf = (name: string): string => (priceOf(addCounts(noCounts, measured[name] ?? assert.fail(name))) * 100_000).toFixed(3)
    const small = monthlyBill(question)
    assert.equal(small.receivedPer1000Cents.toFixed(3), centsOf('inbound10k'))
    assert.equal(small.sentPer1000Cents.toFixed(3), centsOf('outbound10k'))
    assert.equal(monthlyBill({ ...question, sizeBytes: 75_000 }).receivedPer1000Cents.toFixed(3), centsOf('inbound75k'))
  })

  it('keeps the budgets of received and sent mail', () => {
    const small = monthlyBill(question)
    assert.ok(small.receivedPer1000Cents > 0.5 && small.receivedPer1000Cents <= 0.9, String(small.receivedPer1000Cents))
    assert.ok(small.sentPer1000Cents > 0.5 && small.sentPer1000Cents <= 1.2, String(small.sentPer1000Cents))
    const large = monthlyBill({ ...question, sizeBytes: 75_000 })
    assert.ok(large.receivedPer1000Cents > small.receivedPer1000Cents && large.receivedPer1000Cents <= 1)
  })

  it('asks at most 60 cents for an idle month beside the front, its address and the DNS zone', () => {
    for (const mode of ['lean', 'ha'] as const) {
      const { items, idlePerMonthDollars, totalDollars } = monthlyBill({ ...question, received: 0, sent: 0, mailboxes: 0, storedGb: 0, mode })
      assert.equal(totalDollars, idlePerMonthDollars)
      const beside = items.filter(({ item }) => !/task|address|load balancer|DNS zone|Spot/.test(item)).reduce((sum, { dollars }) => sum + dollars, 0)
      assert.ok(beside > 0 && beside <= 0.6, `${mode}: ${beside}`)
    }
  })

  it('grows with every quantity, and with nothing else', () => {
    const least = dollarsOf({})
    for (const change of [{ received: 20_000 }, { sent: 2000 }, { mailboxes: 20 }, { storedGb: 20 }, { mode: 'ha' }] as const) assert.ok(dollarsOf(change) > least, JSON.stringify(change))
    assert.equal(monthlyBill({ ...question, mailboxes: 10_000, storedGb: 10_000 }).receivedPer1000Cents, monthlyBill(question).receivedPer1000Cents)
  })

  it('is what docs/aws.md and README say of an idle deployment', () => {
    const [lean, ha] = (['lean', 'ha'] as const).map((mode) => monthlyBill({ ...question, mode }).idlePerMonthDollars.toFixed(2))
    const page = (name: string): string => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
    const { receivedPer1000Cents, sentPer1000Cents } = monthlyBill(question)
    for (const words of [`**$${lean}** a month while idle`, `**$${ha}**`, `an idle month $${lean}`, `**${receivedPer1000Cents.toFixed(2)} cents**, sent **${sentPer1000Cents.toFixed(2)} cents**`]) assert.ok(page('README.md').includes(words), words)
    assert.ok(page('docs/aws.md').includes(`| **idle, smarthost** | **${lean}** | **${ha}** |`), `${lean} ${ha}`)
  })

  it('knows how many alarms the stacks make', () => {
    for (const mode of ['lean', 'ha'] as const) {
      const snapshot = readFileSync(new URL(`../../stacks/snapshots/${mode}.txt`, import.meta.url), 'utf8')
      const names = [...snapshot.matchAll(/^ {4}AlarmName "(.*)"$/gm)].map(([, name = '']) => name)
      assert.equal(names.filter((name) => !/-record-events-|-outbound-nat$/.test(name)).length, alarms[mode], names.join(' '))
    }
  })
})
