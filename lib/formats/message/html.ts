/** HTML as the text a person sees, for searching and previews: one pass, linear time, never throws. */

/** Elements that do not break the flow of words. */
const inline = new Set(['a', 'abbr', 'b', 'bdi', 'bdo', 'big', 'cite', 'code', 'del', 'dfn', 'em', 'font', 'i', 'ins', 'kbd', 'mark', 'q', 's', 'samp', 'small', 'span', 'strike', 'strong', 'sub', 'sup', 'tt', 'u', 'var', 'wbr'])
/** Elements whose content is no text. */
const silent = new Set(['head', 'script', 'style', 'template', 'title'])

export function htmlText(html: string): string {
  const pieces: string[] = []
  const n = html.length
  let at = 0
  while (at < n) {
    const start = html.indexOf('<', at)
    if (start < 0) {
      pieces.push(decodeEntities(html.slice(at)))
      break
    }
    if (start > at) pieces.push(decodeEntities(html.slice(at, start)))
    at = passTag(html, start, pieces)
  }
  return pieces.join('')
}

const tagName = /\/?[A-Za-z][A-Za-z0-9:]{0,20}/y

/** Returns the place behind what begins with `<` here. */
function passTag(html: string, start: number, pieces: string[]): number {
  if (html.startsWith('<!--', start)) return behind(html, '-->', start + 4)
  tagName.lastIndex = start + 1
  const name = tagName.exec(html)?.[0].toLowerCase()
  if (name === undefined) {
    const next = html.charAt(start + 1)
    if (next === '!' || next === '?') return behind(html, '>', start)
    pieces.push('<')
    return start + 1
  }
  const end = behind(html, '>', start)
  if (silent.has(name)) return passElement(html, end, name)
  if (!inline.has(name.startsWith('/') ? name.slice(1) : name)) pieces.push(' ')
  return end
}

function behind(html: string, mark: string, from: number): number {
  const end = html.indexOf(mark, from)
  return end < 0 ? html.length : end + mark.length
}

function passElement(html: string, from: number, name: string): number {
  const end = new RegExp(`</${name}(?![a-z])|${name === 'head' ? '<body(?![a-z])' : '$(?!)'}`, 'gi')
  end.lastIndex = from
  const found = end.exec(html)
  return found === null ? html.length : behind(html, '>', found.index)
}

const named: Readonly<Record<string, string>> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'', nbsp: '\u00a0', shy: '', zwnj: '', zwj: '', copy: '©', reg: '®', trade: '™', euro: '€', pound: '£', yen: '¥', cent: '¢', sect: '§', deg: '°',
  hellip: '…', ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”', sbquo: '‚', bdquo: '„', laquo: '«', raquo: '»', bull: '•', middot: '·', times: '×', iexcl: '¡', iquest: '¿',
  auml: 'ä', ouml: 'ö', uuml: 'ü', Auml: 'Ä', Ouml: 'Ö', Uuml: 'Ü', szlig: 'ß', euml: 'ë', iuml: 'ï', yuml: 'ÿ', agrave: 'à', egrave: 'è', igrave: 'ì', ograve: 'ò', ugrave: 'ù',
  aacute: 'á', eacute: 'é', iacute: 'í', oacute: 'ó', uacute: 'ú', Aacute: 'Á', Eacute: 'É', Iacute: 'Í', Oacute: 'Ó', Uacute: 'Ú', Agrave: 'À', Egrave: 'È', acirc: 'â', ecirc: 'ê', icirc: 'î', ocirc: 'ô', ucirc: 'û',
  Acirc: 'Â', Ecirc: 'Ê', ccedil: 'ç', Ccedil: 'Ç', ntilde: 'ñ', Ntilde: 'Ñ', atilde: 'ã', otilde: 'õ', Atilde: 'Ã', Otilde: 'Õ', aring: 'å', Aring: 'Å', aelig: 'æ', AElig: 'Æ', oslash: 'ø', Oslash: 'Ø', oelig: 'œ', scaron: 'š', yacute: 'ý', eth: 'ð', thorn: 'þ',
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replaceAll(/&(?:#[xX]([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([A-Za-z]{2,8}));?/g, (whole, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
    if (name !== undefined) return Object.hasOwn(named, name) ? (named[name] ?? whole) : whole
    const code = hex === undefined ? Number(decimal) : parseInt(hex, 16)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
  })
}
