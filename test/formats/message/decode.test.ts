import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEncodedWords, decodeText } from '#lib/formats/message/decode.ts'
import { parseMessage } from '#lib/formats/message/structure.ts'

const words: readonly (readonly [value: string, text: string])[] = [
  ['plain', 'plain'],
  // RFC 2047 §8
  ['(=?ISO-8859-1?Q?a?=)', '(a)'],
  ['(=?ISO-8859-1?Q?a?= b)', '(a b)'],
  ['(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)', '(ab)'],
  ['(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)', '(ab)'],
  ['(=?ISO-8859-1?Q?a_b?=)', '(a b)'],
  ['(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)', '(a b)'],
  ['=?US-ASCII*EN?Q?Keith_Moore?=', 'Keith Moore'],
  ['=?iso-8859-1?q?this=20is=20some=20text?=', 'this is some text'],
  ['=?UTF-8?B?4pi6?=', '☺'],
  ['=?utf-8?b?4pg=?= =?utf-8?b?ug==?=', '☺'],
  ['=?UTF-8?Q?=E2=98?= =?utf-8?Q?=BA?=', '☺'],
  ['=?utf-8?q?=E2=98=BA?==?utf-8?q?!?=', '☺!'],
  ['=?windows-1251?B?z/Do4uXy?=', 'Привет'],
  ['=?koi8-r?B?8NLJ18XU?=', 'Привет'],
  ['=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=', '日本'],
  ['=?Shift_JIS?B?k/qWew==?=', '日本'],
  ['=?gb2312?B?xOO6ww==?=', '你好'],
  ['=?utf-7?Q?Fr+APY-sche?=', 'Frösche'],
  ['=?iso-8859-1?Q?=80?=', '€'],
  // Broken ones.
  ['=?no-such-charset?Q?caf=C3=A9?=', 'café'],
  ['=?utf-8?q?with spaces inside?=', 'with spaces inside'],
  ['=?utf-8?x?abc?=', '=?utf-8?x?abc?='],
  ['=?utf-8?q?never ends', '=?utf-8?q?never ends'],
  ['=?utf-8?q?=zz=4?=', '=zz=4'],
  ['caf\xc3\xa9', 'café'],
  ['caf\xe9', 'café'],
  ['caf\xc3\xa9 =?utf-8?q?=C3=A9?=', 'café é'],
]

for (const [value, text] of words) {
  test(`the words of ${JSON.stringify(value)} are decoded`, () => assert.equal(decodeEncodedWords(value), text))
}

const bodies: readonly (readonly [header: string, body: string, text: string])[] = [
  ['', 'plain', 'plain'],
  ['', 'caf\xc3\xa9', 'café'],
  ['', 'caf\xe9', 'café'],
  ['Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: BASE64\r\n', 'Y2Fm\r\nw6k=\r\n', 'café'],
  ['Content-Type: text/plain; charset="UTF-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n', 'caf=C3=A9 =\r\nau =  \r\nlait=0D=0A', 'café au lait\r\n'],
  ['Content-Transfer-Encoding: quoted-printable\r\n', 'a=zz=3=', 'a=zz=3'],
  ['Content-Type: text/plain; charset=iso-8859-15\r\n', '\xa4', '€'],
  ['Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n', Buffer.from('\ufeffhé', 'utf16le').toString('base64'), 'hé'],
  ['Content-Type: text/plain; charset=utf-8\r\n', '\xef\xbb\xbfx', 'x'],
  ['Content-Transfer-Encoding: x-unheard-of\r\n', 'as it is', 'as it is'],
]

for (const [header, body, text] of bodies) {
  test(`a body ${JSON.stringify(body)} under ${JSON.stringify(header)} is decoded`, () => {
    const { root } = parseMessage(Buffer.from(`${header}\r\n${body}`, 'latin1'))
    assert.equal(decodeText(root, Buffer.from(body, 'latin1')), text)
  })
}
