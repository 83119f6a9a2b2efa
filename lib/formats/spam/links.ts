/** What a URL in a message tells by its looks alone. */
import { domainToUnicode } from 'node:url'

export interface LinkTarget {
  readonly host: string
  readonly isIp: boolean
  readonly hasUser: boolean
  readonly punycode: boolean
  readonly port: boolean
}

/** Of http and https links; undefined for every other scheme and for what is no URL. */
export function readLink(href: string): LinkTarget | undefined {
  const match = /^\s*https?:\/*([^/?#\\]*)/i.exec(href)
  if (match === null) return undefined
  const authority = match[1] ?? ''
  const at = authority.lastIndexOf('@')
  const [name = '', port] = authority.slice(at + 1).split(':')
  const host = name.toLowerCase().replace(/\.$/, '')
  if (host === '') return undefined
  const isIp = /^(\d{1,3}\.){3}\d{1,3}$|^0x[0-9a-f]+$|^\d{8,10}$/.test(host) || host.startsWith('[')
  return { host, isIp, hasUser: at >= 0, punycode: /(^|\.)xn--/.test(host), port: port !== undefined && !/^(80|443|)$/.test(port) }
}

/** Names under which anybody may register, of two labels; the common ones, for comparing hosts only. */
const secondLevel = /^(com|co|net|org|gov|gob|edu|ac|or|ne|go|gv|mil|nom|gen|ltd|plc|me|sch)$/

/** The part of a host name that one owner holds, as far as can be said without the public suffix list. */
export function ownedDomain(host: string): string {
  const labels = host.toLowerCase().split('.')
  const two = labels.slice(-2)
  const deep = two[1]?.length === 2 && secondLevel.test(two[0] ?? '')
  return labels.slice(deep ? -3 : -2).join('.')
}

const shorteners = new Set(
  'bit.ly tinyurl.com t.co goo.gl ow.ly is.gd buff.ly cutt.ly rb.gy rebrand.ly shorturl.at t.ly tiny.cc bl.ink s.id lnkd.in v.gd qr.ae adf.ly soo.gd clck.ru u.to x.co tr.im snipurl.com shrtco.de n9.cl urlz.fr encurtador.com.br abre.ai acortar.link linktr.ee l.ead.me did.li s.yam.com dub.sh kutt.it'.split(' '),
)

/** Places where anybody puts up a page in a minute, under a name of good repute. */
const freeHosting =
  /(^|\.)(web\.app|firebaseapp\.com|firebasestorage\.googleapis\.com|storage\.googleapis\.com|blogspot\.[a-z.]+|weebly\.com|wixsite\.com|000webhostapp\.com|herokuapp\.com|netlify\.app|vercel\.app|pages\.dev|workers\.dev|r2\.dev|ipfs\.io|dweb\.link|glitch\.me|azurewebsites\.net|core\.windows\.net|azureedge\.net|s3(\.[a-z0-9-]+)?\.amazonaws\.com|cloudfront\.net|appspot\.com|repl\.co|on\.fleek\.co|godaddysites\.com|square\.site|mystrikingly\.com|duckdns\.org|ngrok\.io|trycloudflare\.com|digitaloceanspaces\.com|backblazeb2\.com|linodeobjects\.com|sendgrid\.net|translate\.goog|forms\.gle|jotform\.com|typeform\.com|notion\.site|carrd\.co|webflow\.io|myshopify\.com)$/

export function isShortener(host: string): boolean {
  return shorteners.has(host)
}

export function isFreeHosting(host: string): boolean {
  return freeHosting.test(host)
}

/** Top levels that cost next to nothing and are mostly abused. */
export function isCheapTop(host: string): boolean {
  return /\.(xyz|top|click|icu|buzz|shop|site|online|store|live|club|work|cfd|sbs|rest|cyou|monster|quest|beauty|hair|makeup|skin|bond|lol|mom|pics|tk|ml|ga|cf|gq|cam|bid|win|loan|date|stream|download|racing|review|party|trade|science|men|surf|autos|boats|homes|yachts|world|fun|space|website|host|press|pw|biz|info|today|life|ru|su)$/.test(host)
}

/** Letters of several scripts in one label, the way a name is made to look like another. */
export function isMixedScript(host: string): boolean {
  return domainToUnicode(host)
    .split('.')
    .some((label) => /\p{Script=Latin}/u.test(label) && /\p{Script=Cyrillic}|\p{Script=Greek}/u.test(label))
}

/** A host name standing in visible text: `www.bank.example`, `https://bank.example/login`. */
export function hostInText(text: string): string | undefined {
  const match = /^(?:https?:\/\/)?((?:[a-z0-9-]+\.)+[a-z]{2,12})(?:[/:?#]\S*)?$/i.exec(text.trim())
  return match?.[1]?.toLowerCase()
}

/** Free mail providers: nobody's bank, shop or employer writes from there. */
export function isFreeMail(domain: string): boolean {
  return /^(gmail|googlemail|hotmail|outlook|live|msn|yahoo|ymail|rocketmail|aol|icloud|me|mac|gmx|web|mail|email|inbox|yandex|zoho|protonmail|proton|pm|tutanota|qq|163|126|sina|rediffmail|freenet|t-online|libero|virgilio|laposte|orange|wanadoo|free|terra|uol|bol|ig|seznam|wp|o2|onet|naver|daum|hanmail)\.(com|net|org|de|at|ch|fr|it|es|co\.uk|co\.jp|com\.br|com\.ar|com\.mx|com\.au|ca|in|co\.in|nl|be|pl|cz|ru|me|us|cn|kr|pt)$/.test(domain)
}
