/** What a person reads. */
import type { MessageFacts } from '../facts.ts'
import { phrases } from '../phrases.ts'
import type { Signal } from './signal.ts'

function says(group: keyof typeof phrases): (facts: MessageFacts) => boolean {
  return ({ words }) => phrases[group].test(words)
}

function htmlOnly({ html, plain }: MessageFacts): boolean {
  return html !== undefined && plain === ''
}

export const bodySignals: readonly Signal[] = [
  { name: 'SAYS_ACCOUNT', points: 1.5, holds: says('account') },
  { name: 'SAYS_FORTUNE', points: 1.5, holds: says('fortune') },
  { name: 'SAYS_BLACKMAIL', points: 3, holds: says('blackmail') },
  { name: 'SAYS_URGENCY', points: 0.7, holds: says('urgency') },
  { name: 'SAYS_CLICK', points: 0.7, holds: says('click') },
  { name: 'SAYS_PARCEL', points: 1.5, holds: says('parcel') },
  { name: 'SAYS_SELLING', points: 1.2, holds: says('selling') },
  { name: 'SAYS_PRIZE', points: 1.2, holds: says('prize') },
  { name: 'SAYS_EXCUSE', points: 1, holds: says('excuse') },
  { name: 'SAYS_DEAR', points: 1, holds: ({ words }) => /\bdear (customer|client|user|friend|sir|madam|beneficiary|valued|member|winner|e-?mail|account|card)|\b(lieber|liebe|sehr geehrte[r]?) (kunde|kundin|nutzer|benutzer)\b|\bcher(e)? client|\bbeste klant|\bgeachte klant|\b(prezado|caro|estimado|querido) (cliente|usuário|usuario|\(a\))/.test(words) },
  { name: 'HTML_ONLY', points: 0.8, holds: htmlOnly },
  { name: 'HTML_BASE64', points: 0.5, holds: ({ htmlInBase64 }) => htmlInBase64 },
  { name: 'HTML_LITTLE_TEXT', points: 1, holds: ({ html, links }) => html !== undefined && links.length > 0 && html.text.length < 200 },
  { name: 'HTML_PICTURES_ONLY', points: 1.5, holds: ({ html }) => html !== undefined && html.images > 0 && html.text.length < 100 },
  { name: 'HTML_HIDDEN', points: 0.8, holds: ({ html }) => (html?.hidden ?? 0) > 3 },
  { name: 'HTML_FORM', points: 1.5, holds: ({ html }) => (html?.forms ?? 0) > 0 },
  { name: 'HTML_SCRIPT', points: 0.8, holds: ({ html }) => (html?.scripts ?? 0) > 0 },
  { name: 'TEXT_ODD_LETTERS', points: 1.5, holds: ({ words }) => (words.match(/[\u{1d400}-\u{1d7ff}]|[a-z][\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u03bf\u03b1][a-z]/gu)?.length ?? 0) > 3 },
  { name: 'MONEY_SUM', points: 0.7, holds: ({ words }) => /(\$|€|£|usd|us\$|r\$|euro) ?\d{1,3}([.,]\d{3})+|\d{1,3}([.,]\d{3})+([.,]\d\d)? ?(\$|€|£|usd|dollars|euro)/.test(words) },
]
