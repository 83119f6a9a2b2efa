/** What hangs on the message. */
import type { MessageFacts } from '../facts.ts'
import type { Signal } from './signal.ts'

const runs = /\.(exe|scr|pif|com|bat|cmd|vbs?|vbe|jse?|wsf?|wsh|hta|lnk|cpl|msi|ps1|jar|reg|chm|iso|img|vhdx?|one|appx|xll|application)$/i
const packed = /\.(zip|rar|7z|ace|arj|cab|gz|tar|tgz|z|xz|r\d\d)$/i
const page = /\.(s?html?|xhtml|mht|svg)$/i
const macro = /\.(docm|xlsm|pptm|dotm|xlam|xlsb)$/i

function named(pattern: RegExp): (facts: MessageFacts) => boolean {
  return ({ attachments }) => attachments.some(({ name }) => pattern.test(name.trim()))
}

export const attachmentSignals: readonly Signal[] = [
  { name: 'ATTACHED_PROGRAM', points: 4, holds: named(runs) },
  { name: 'ATTACHED_DOUBLE_NAME', points: 3, holds: named(/\.(pdf|docx?|xlsx?|jpe?g|png|gif|txt|html?|zip)[\s_]*\.(exe|scr|pif|com|bat|cmd|vbs?|jse?|wsf|hta|lnk|html?|zip|rar|7z|iso)$/i) },
  { name: 'ATTACHED_PAGE', points: 1.5, holds: named(page) },
  { name: 'ATTACHED_MACROS', points: 2, holds: named(macro) },
  { name: 'ATTACHED_ARCHIVE', points: 0.3, holds: named(packed) },
]
