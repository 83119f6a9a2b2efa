/**
 * Reads HTML as a spam scorer needs it: the text a person sees, the links and what stands on them. No parser of the
 * web: one pass, linear time, bounded output, never throws.
 */
export interface HtmlLink {
  readonly href: string
  /** Visible text of the link, trimmed. */
  readonly text: string
}

export interface HtmlScan {
  readonly text: string
  readonly links: readonly HtmlLink[]
  readonly images: number
  readonly forms: number
  readonly scripts: number
  /** Elements made invisible by style. */
  readonly hidden: number
}

const linkLimit = 300
const textLimit = 100_000

export function scanHtml(html: string): HtmlScan {
  const links: { href: string; text: string }[] = []
  const counts = { images: 0, forms: 0, scripts: 0, hidden: 0 }
  const text: string[] = []
  let textLength = 0
  let open: { href: string; from: number } | undefined
  const closeLink = () => {
    if (open !== undefined && links.length < linkLimit) links.push({ href: open.href, text: squeeze(text.slice(open.from).join('')).slice(0, 300) })
    open = undefined
  }
  for (let at = 0; at < html.length; ) {
    const start = html.indexOf('<', at)
    const words = html.slice(at, start < 0 ? html.length : start)
    if (textLength < textLimit && words !== '') {
      text.push(decodeEntities(words))
      textLength += words.length
    }
    if (start < 0) break
    if (html.startsWith('<!--', start)) {
      const end = html.indexOf('-->', start + 4)
      at = end < 0 ? html.length : end + 3
      continue
    }
    const end = html.indexOf('>', start)
    if (end < 0) break
    const tag = html.slice(start + 1, Math.min(end, start + 4000))
    at = end + 1
    const name = /^\/?[a-z0-9]*/i.exec(tag)?.[0].toLowerCase() ?? ''
    if (name === 'a') {
      closeLink()
      const href = attribute(tag, 'href')
      if (href !== undefined) open = { href, from: text.length }
    } else if (name === '/a') closeLink()
    else if (name === 'script' || name === 'style') {
      if (name === 'script') counts.scripts++
      at = skipPast(html, at, name)
    } else {
      countTag(name, counts)
      if (/^(br|p|div|td|tr|li|h\d|\/p|\/div|\/td|\/tr|\/li|\/h\d)$/.test(name)) text.push(' ')
    }
    if (/display\s*:\s*none|font-size\s*:\s*[01](px|pt|em)?\s*[;"']|visibility\s*:\s*hidden/i.test(tag)) counts.hidden++
  }
  closeLink()
  return { text: squeeze(text.join('')), links, ...counts }
}

function countTag(name: string, counts: { images: number; forms: number }): void {
  if (name === 'img') counts.images++
  else if (name === 'form') counts.forms++
}

/** After the end tag of an element whose content is no text. */
function skipPast(html: string, from: number, name: string): number {
  const end = html.slice(from).search(name === 'script' ? /<\/script/i : /<\/style/i)
  return end < 0 ? html.length : from + end
}

function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(tag)
  if (match === null) return undefined
  return decodeEntities(match[1] ?? match[2] ?? match[3] ?? '').trim()
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', zwnj: '', shy: '' }

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{2,8});/gi, (whole, word: string) => {
    if (!word.startsWith('#')) return entities[word.toLowerCase()] ?? whole
    const code = word[1] === 'x' || word[1] === 'X' ? parseInt(word.slice(2), 16) : Number(word.slice(1))
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
  })
}

export function squeeze(text: string): string {
  return text.replace(/[\s\u200b\u200c\u200d\ufeff\u00ad]+/g, ' ').trim()
}
