import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { monthlyBill } from '#lib/engine/aws/bill.ts'
import type { Bill, BillQuestion } from '#lib/engine/aws/bill.ts'
import { priceDate, priceRegion } from '#lib/engine/aws/prices.ts'
import { outputOf } from '../options.ts'
import { printJson, printRows } from '../output.ts'
import type { Output } from '../output.ts'
import { otherWays } from '../costElsewhere.ts'

interface CostOptions {
  readonly received: number
  readonly sent: number
  readonly size: number
  readonly mailboxes: number
  readonly storedGb: number
  readonly mode: BillQuestion['mode']
  readonly json?: boolean
}

export function addCostCommand(program: Command): void {
  program
    .command('cost')
    .description('What a month of mail costs in AWS, item by item, beside what others ask. From measured counts and list prices; needs no account.')
    .option('--received <n>', 'messages received in a month', readAmount, 10_000)
    .option('--sent <n>', 'messages sent in a month', readAmount, 1000)
    .option('--size <bytes>', 'octets of one message', readAmount, 10_000)
    .option('--mailboxes <n>', 'people with a mailbox', readAmount, 10)
    .option('--stored-gb <n>', 'gigabytes of mail kept', readAmount, 10)
    .addOption(new Option('--mode <mode>', 'the front: one task, or two behind a load balancer').choices(['lean', 'ha']).default('lean'))
    .option('--json', 'print JSON')
    .action(showCost)
}

function showCost({ received, sent, size, mailboxes, storedGb, mode, ...options }: CostOptions): void {
  const question: BillQuestion = { received, sent, sizeBytes: size, mailboxes, storedGb, mode }
  const bill = monthlyBill(question)
  const others = otherWays(question)
  const output = outputOf(options)
  if (output.json) printJson(output, { ...bill, others, region: priceRegion, date: priceDate, currency: 'USD' })
  else tell(output, bill, others)
}

function tell(output: Output, bill: Bill, others: ReturnType<typeof otherWays>): void {
  const money = (dollars: number): string => dollars.toFixed(dollars > 0 && dollars < 0.01 ? 4 : 2)
  printRows(output, bill.items.map(({ item, quantity, dollars }) => ({ item, quantity, dollars: money(dollars) })), 'nothing')
  output.write(`\nTogether ${money(bill.totalDollars)} dollars a month (${priceRegion}, list prices of ${priceDate}), of which ${money(bill.idlePerMonthDollars)} without any mail.\n`)
  output.write(`1,000 messages received cost ${bill.receivedPer1000Cents.toFixed(2)} cents, 1,000 sent ${bill.sentPer1000Cents.toFixed(2)} cents, without logs, data out and the smarthost's own price.\n\n`)
  printRows(output, others.map(({ name, dollars, what }) => ({ elsewhere: name, dollars: money(dollars), what })), 'nothing')
  const sources = [...new Set([...bill.items, ...others].map(({ source }) => source))]
  output.write(`\nSources:\n${sources.map((source) => `  ${source}\n`).join('')}`)
}

function readAmount(text: string): number {
  const amount = Number(text)
  if (text === '' || !Number.isFinite(amount) || amount < 0) throw new InvalidArgumentError('It expects a number that is not negative.')
  return amount
}
