import { randomBytes } from 'node:crypto'

const digits = '0123456789BCDFGHJKLMNPQRSTVWXYZ'

/**
 * Names a message from its arrival to its end: time in milliseconds, then 40 random bits, in digits without vowels
 * (so that no words come out), 18 characters. Later ids sort after earlier ones.
 */
export function newQueueId(now: number): string {
  return encode(BigInt(now), 10) + encode(BigInt('0x' + randomBytes(5).toString('hex')), 9).slice(-8)
}

function encode(value: bigint, width: number): string {
  let text = ''
  for (let rest = value; text.length < width; rest /= 31n) text = (digits[Number(rest % 31n)] ?? '0') + text
  return text
}
