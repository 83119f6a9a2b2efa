/** What is wrong with a setting's value although its type is right: the end of "expects ...". */
import { parseIp } from './base/ip.ts'
import { eventTypes } from './formats/events/event.ts'

/** Addresses and CIDR ranges. */
export function checkRanges(ranges: readonly string[]): string | undefined {
  return ranges.every(isRange) ? undefined : 'IP addresses or CIDR ranges such as 192.0.2.0/24'
}

function isRange(text: string): boolean {
  const [address = '', prefix, extra] = text.split('/')
  const bits = (parseIp(address)?.length ?? 0) * 8
  return bits > 0 && extra === undefined && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
}

export function checkDnsServers(servers: readonly string[]): string | undefined {
  return servers.every(isDnsServer) ? undefined : 'IP addresses, each with :PORT or without; an IPv6 address with a port stands in brackets'
}

function isDnsServer(text: string): boolean {
  const [, host = text, port] = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text) ?? []
  return (host === 'localhost' || parseIp(host) !== undefined) && (port === undefined || (Number(port) > 0 && Number(port) < 65536))
}

export function checkUrls(urls: readonly string[]): string | undefined {
  const isUrl = (text: string): boolean => /^https?:\/\/[^@]*$/.test(text) && URL.canParse(text)
  return urls.every(isUrl) ? undefined : 'URLs that begin with https:// (or http:// on a way that nobody else can read), without a password'
}

export function checkEventTypes(types: readonly string[]): string | undefined {
  return types.every((type) => (eventTypes as readonly string[]).includes(type)) ? undefined : `event types: ${eventTypes.join(', ')}`
}

/** The highest standard port is 995. */
export function checkPortOffset(offset: number): string | undefined {
  return offset <= 65535 - 995 ? undefined : 'a whole number from 0 to 64540'
}

/** An annotation lies in an entry of the account's log, with room for a second small one. */
export function checkAnnotationBytes(bytes: number): string | undefined {
  return bytes >= 1024 && bytes <= 48 * 1024 ? undefined : 'a size from 1 KiB to 48 KiB'
}

export function checkAnnotations(most: number): string | undefined {
  return most === 0 || most >= 10 ? undefined : '0, or a number from 10'
}

/** Keys that came over an open line would be anybody's. */
export function checkProviderUrl(url: string): string | undefined {
  return url === '' || /^https:\/\/[^/]/.test(url) || /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$)/.test(url) ? undefined : 'an https address; http only of this machine'
}
