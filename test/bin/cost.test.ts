import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cost = async (...words: string[]): Promise<string> => (await run(process.execPath, ['bin/pennypost.ts', 'cost', ...words], { cwd: new URL('../..', import.meta.url) })).stdout

describe('pennypost cost', () => {
  it('gives a month as JSON, needs no account and no data directory', async () => {
    const bill = JSON.parse(await cost('--received', '1000000', '--sent', '50000', '--size', '10000', '--mailboxes', '50', '--stored-gb', '100', '--mode', 'ha', '--json')) as Record<string, unknown> & { items: { item: string; dollars: number; source: string }[]; others: { name: string; dollars: number; source: string }[] }
    assert.ok(Number(bill['receivedPer1000Cents']) > 0.5 && Number(bill['receivedPer1000Cents']) < 1)
    assert.ok(Number(bill['sentPer1000Cents']) > 0.5 && Number(bill['sentPer1000Cents']) < 1.5)
    assert.ok(Number(bill['idlePerMonthDollars']) > 30 && Number(bill['totalDollars']) > Number(bill['idlePerMonthDollars']))
    assert.ok(bill.items.length > 10)
    assert.equal(bill.others.find(({ name }) => name === 'Amazon WorkMail')?.dollars, 200)
    for (const other of [/WorkMail/, /Google Workspace/, /SES/, /rented machine/]) assert.ok(bill.others.some(({ name, dollars, source }) => other.test(name) && dollars > 0 && source.startsWith('https://')), other.source)
    for (const { source } of bill.items) assert.match(source, /^https:\/\//)
  })

  it('shows people each item, what others ask, and the sources', async () => {
    const text = await cost()
    for (const expected of [/front task/, /1,000 messages received cost 0\.\d\d cents/, /Google Workspace/, /Amazon SES/, /rented machine/, /https:\/\/aws\.amazon\.com\/sqs\/pricing\//]) assert.match(text, expected)
  })

  it('refuses what is no amount with exit code 2', async () => {
    await assert.rejects(cost('--received', '-1'), { code: 2 })
    await assert.rejects(cost('--mode', 'fat'), { code: 2 })
  })
})
