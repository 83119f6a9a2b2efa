/**
 * A month's bill in AWS, item by item: what mail costs from the counts that the metered tests measured (measured.json, which
 * test/engine/aws/budgets.test.ts writes and checks), what stands there all month from the price pages.
 *
 * Free tiers are left out, but for those of the last column: they hold for every account and for ever.
 */
import measured from './measured.json' with { type: 'json' }
import { addCounts, countedThings, dollarsOf, mapCounts, noCounts, prices } from './prices.ts'
import type { Counts } from './prices.ts'

export interface BillQuestion {
  /** Messages in a month. */
  readonly received: number
  readonly sent: number
  /** Octets of one of them. */
  readonly sizeBytes: number
  readonly mailboxes: number
  /** Gigabytes of mail kept. */
  readonly storedGb: number
  readonly mode: 'lean' | 'ha'
}

export interface BillItem {
  readonly item: string
  readonly quantity: string
  readonly dollars: number
  readonly source: string
}

export interface Bill {
  readonly receivedPer1000Cents: number
  readonly sentPer1000Cents: number
  readonly idlePerMonthDollars: number
  readonly totalDollars: number
  readonly items: readonly BillItem[]
}

const hoursOfMonth = 730
const gigabyte = 1e9
const [smallBytes, largeBytes] = [10_000, 75_000]
/** A row of the log for a message, with its ENVELOPE and BODYSTRUCTURE. */
const rowBytes = 900
/** What functions and front write into their logs for a message received, checked and filed, or sent. */
const logBytes = 1500

const fargate = 'https://aws.amazon.com/fargate/pricing/'
const vpc = 'https://aws.amazon.com/vpc/pricing/'
const loadBalancer = 'https://aws.amazon.com/elasticloadbalancing/pricing/'
const cloudWatch = 'https://aws.amazon.com/cloudwatch/pricing/'

/** Alarms of the stacks, without those of events and of direct delivery; test/engine/aws/bill.test.ts counts them. */
export const alarms = { lean: 11, ha: 10 } as const
const freeAlarms = 10

/** Three queues, each asked by five pollers of Lambda three times a minute. */
const pollsOfMonth = 3 * 5 * 3 * 60 * hoursOfMonth
const freeQueueRequests = 1_000_000

export function monthlyBill(question: BillQuestion): Bill {
  const { received, sent, sizeBytes, mailboxes, mode } = question
  const receiving = receivingCounts(sizeBytes)
  const sending = sendingCounts(sizeBytes)
  const waiting = addCounts(noCounts, countsOf('listenHour'), hoursOfMonth)
  const idle = idleItems(mode)
  const items = [
    ...idle,
    ...countedItems('receiving', receiving, received),
    ...countedItems('sending', sending, sent),
    { item: 'a client of every mailbox that waits for mail, day and night', quantity: String(mailboxes), dollars: dollarsOf(waiting) * mailboxes, source: prices.readUnits.source },
    ...(mailboxes > 0 ? [listeningItem(mode)] : []),
    ...storageItems(question),
    logItem(received + sent),
    trafficItem(((received + sent) * sizeBytes) / gigabyte),
  ]
  return {
    receivedPer1000Cents: round(dollarsOf(receiving) * 100_000),
    sentPer1000Cents: round(dollarsOf(sending) * 100_000),
    idlePerMonthDollars: round(sum(idle)),
    totalDollars: round(sum(items)),
    items: items.map((item) => ({ ...item, dollars: round(item.dollars) })),
  }
}

/** What a month without mail costs. */
function idleItems(mode: BillQuestion['mode']): BillItem[] {
  const tick = countsOf('sweepMinute')
  return [
    ...frontItems(mode),
    { item: 'DNS zone', quantity: '1', dollars: 0.5, source: 'https://aws.amazon.com/route53/pricing/' },
    { item: 'looks of Lambda into three queues', quantity: `${pollsOfMonth} less 1000000 free`, dollars: Math.max(0, pollsOfMonth - freeQueueRequests) * prices.queueChunks.dollars, source: prices.queueChunks.source },
    { item: 'a sweep for due notes every minute', quantity: String(60 * hoursOfMonth), dollars: dollarsOf(tick) * 60 * hoursOfMonth, source: prices.invocations.source },
    { item: 'alarms', quantity: `${alarms[mode]} less ${freeAlarms} free`, dollars: (alarms[mode] - freeAlarms) * 0.1, source: cloudWatch },
  ]
}

function frontItems(mode: BillQuestion['mode']): BillItem[] {
  const task = { item: 'front task, 1/4 vCPU and 512 MB, ARM', quantity: '1', dollars: 7.21, source: fargate }
  const address = (item: string, count: number): BillItem => ({ item, quantity: String(count), dollars: 3.65 * count, source: vpc })
  if (mode === 'lean') return [task, address('its public IPv4 address', 1)]
  return [task, { ...task, item: 'a second one on Spot', dollars: 7.21 * 0.3 }, address('public IPv4 addresses of tasks', 2), address('public IPv4 addresses of the load balancer', 2), { item: 'network load balancer', quantity: '1', dollars: 16.43, source: loadBalancer }]
}

/** A task has a queue of its own for bells and looks into it while anybody waits there. */
function listeningItem(mode: BillQuestion['mode']): BillItem {
  const looks = addCounts(noCounts, countsOf('listenTaskHour'), hoursOfMonth * (mode === 'lean' ? 1 : 2))
  return { item: 'looks of the front for what to tell those who wait', quantity: String(looks.queueChunks), dollars: dollarsOf(looks), source: prices.queueChunks.source }
}

function countedItems(doing: string, counts: Counts, times: number): BillItem[] {
  return countedThings.filter((thing) => counts[thing] > 0).map((thing) => ({ item: `${doing}: ${prices[thing].what}`, quantity: String(round(counts[thing] * times)), dollars: counts[thing] * prices[thing].dollars * times, source: prices[thing].source }))
}

function storageItems({ storedGb, sizeBytes }: BillQuestion): BillItem[] {
  const rowsGb = (storedGb / Math.max(1, sizeBytes)) * rowBytes
  return [
    { item: 'mail kept', quantity: `${storedGb} GB`, dollars: storedGb * 0.023, source: prices.objectWrites.source },
    { item: 'its log, which can be restored to any second', quantity: `${round(rowsGb)} GB`, dollars: rowsGb * (0.25 + 0.2), source: prices.writeUnits.source },
  ]
}

function logItem(messages: number): BillItem {
  const gb = (messages * logBytes) / gigabyte
  return { item: 'logs', quantity: `${round(gb)} GB`, dollars: gb * 0.5, source: cloudWatch }
}

/** Sent mail leaves once, received mail is fetched once. */
function trafficItem(gb: number): BillItem {
  return { item: 'data out of AWS', quantity: `${round(gb)} GB, of which 100 are free`, dollars: Math.max(0, gb - 100) * 0.09, source: 'https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer' }
}

/** Between the two sizes measured, and beyond them, by what each octet more costs. */
function receivingCounts(sizeBytes: number): Counts {
  const [small, large] = [countsOf('inbound10k'), countsOf('inbound75k')]
  const share = (sizeBytes - smallBytes) / (largeBytes - smallBytes)
  return mapCounts((thing) => Math.max(Math.min(small[thing], large[thing]), small[thing] + (large[thing] - small[thing]) * share))
}

/** What the size adds is what it adds to a received message, in two queues instead of one. */
function sendingCounts(sizeBytes: number): Counts {
  const larger = addCounts(receivingCounts(sizeBytes), countsOf('inbound10k'), -1)
  return addCounts(countsOf('outbound10k'), { queueChunks: 2 * Math.max(0, larger.queueChunks) })
}

function countsOf(name: keyof typeof measured): Counts {
  return { ...noCounts, ...measured[name] }
}

const sum = (items: readonly BillItem[]): number => items.reduce((total, { dollars }) => total + dollars, 0)

const round = (value: number): number => Number(value.toFixed(4))
