/** Letters for load: letter i is always the same octets. Rare words stand in them at known rates, so that hit counts can be compared. */

export const rare = {
  /** In the address of every 150th sender. */
  from: 'needlefinder',
  /** In every 200th subject. */
  subject: 'Quarterberg',
  /** In every 100th text. */
  text: 'zephyrquill',
} as const

const words = 'the and for order number report group project market price team meeting invoice budget office week month please find attached regards thanks hello update review change request issue ticket release version server customer account contract delivery schedule travel flight hotel question answer reply draft note summary agenda minutes action owner status open closed done'.split(' ')
const names = ['Anna', 'Ben', 'Carla', 'David', 'Elif', 'Farid', 'Grace', 'Hugo', 'Ines', 'Jonas', 'Karin', 'Lars']

/** A linear congruential generator: enough for words. */
function makeRandom(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function pick<T>(random: () => number, list: readonly T[]): T {
  const chosen = list[Math.floor(random() * list.length)]
  if (chosen === undefined) throw new Error('nothing to pick from')
  return chosen
}

/** Sizes are log-normal: half of them below 4 KB, none above 120 KB; two of three have an HTML part too. */
export function letter(index: number): Buffer {
  const random = makeRandom(index)
  const line = () => Array.from({ length: 9 }, () => pick(random, words)).join(' ')
  const bell = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const wanted = Math.min(120 * 1024, Math.max(600, 4096 * Math.exp(bell)))
  const lines: string[] = index % 100 === 7 ? [rare.text] : []
  for (let bytes = 0; bytes < wanted / 2; bytes += lines.at(-1)?.length ?? 0) lines.push(line())
  const text = lines.join('\r\n')
  const name = pick(random, names)
  const head = [
    `Return-Path: <${name.toLowerCase()}@example.net>`,
    `Received: from out.example.net (out.example.net [192.0.2.${index % 250}]) by mx.example.com with ESMTPS id ${index.toString(36)}`,
    `Message-ID: <${index}.${Math.floor(random() * 1e9)}@example.net>`,
    ...(index % 3 === 0 || index === 0 ? [] : [`In-Reply-To: <${index - 1}@example.net>`]),
    `Date: ${new Date(Date.UTC(2024, 0, 1) + index * 60_000).toUTCString().replace('GMT', '+0000')}`,
    `From: ${name} <${index % 150 === 3 ? rare.from : name.toLowerCase()}@example.org>`,
    `To: ${pick(random, names)} <someone@example.com>`,
    `Subject: ${pick(random, words)} ${pick(random, words)}${index % 200 === 11 ? ` ${rare.subject}` : ''}`,
    'MIME-Version: 1.0',
  ]
  const boundary = `=_${index}`
  const body = index % 3 === 2 ? ['Content-Type: text/plain; charset=utf-8', '', text] : [`Content-Type: multipart/alternative; boundary="${boundary}"`, '', `--${boundary}`, 'Content-Type: text/plain; charset=utf-8', '', text, `--${boundary}`, 'Content-Type: text/html; charset=utf-8', '', `<p>${text}</p>`, `--${boundary}--`]
  return Buffer.from([...head, ...body, ''].join('\r\n'))
}

/** `APPEND` with one or more messages, by MULTIAPPEND (RFC 3502) and non-synchronising literals (RFC 7888). */
export function appendCommand(mailbox: string, messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from(`APPEND ${mailbox}`), ...messages.flatMap((message) => [Buffer.from(` (\\Seen) {${message.length}+}\r\n`), message])])
}
