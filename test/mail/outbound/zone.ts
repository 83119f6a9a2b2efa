/** A resolver of a few lines: `name MX 10 host`, `name A address`, `name AAAA address`, `name MX FAILED`; a name in no line does not exist. */
import type { DnsAnswer, MxRecord, Resolver } from '#lib/base/dns.ts'

export function zone(...lines: string[]): Resolver {
  const records = lines.map((line) => line.split(' '))
  const ask = <T>(name: string, type: string, read: (words: string[]) => T): DnsAnswer<T> => {
    const own = records.filter(([owner]) => owner === name)
    const typed = own.filter(([, each]) => each === type)
    if (typed.some(([, , word]) => word === 'FAILED')) return { status: 'failed', reason: 'ESERVFAIL' }
    if (typed.length > 0) return { status: 'found', records: typed.map((words) => read(words.slice(2))) }
    return { status: own.length > 0 ? 'no-data' : 'no-name' }
  }
  const address = ([text = '']: string[]) => text
  return {
    mx: async (name) => ask<MxRecord>(name, 'MX', ([priority, exchange = '']) => ({ priority: Number(priority), exchange })),
    a: async (name) => ask(name, 'A', address),
    aaaa: async (name) => ask(name, 'AAAA', address),
    txt: async () => ({ status: 'no-data' }),
    ptr: async () => ({ status: 'no-data' }),
  }
}
