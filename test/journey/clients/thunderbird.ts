import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { before, describe, it } from 'node:test'
import { autoconfig } from '#lib/stacks/pageTexts.ts'
import { eventually, notInstalled, password } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'
import { Thunderbird } from './thunderbirdProcess.ts'

/** Needs the user kim. PENNYPOST_SCREENSHOT=file.png keeps what its window shows at the end. */
export function thunderbird(desk: () => Desk): void {
  describe('Thunderbird', { skip: notInstalled('thunderbird') }, () => {
    let client: Thunderbird

    before(async () => {
      await desk().put('kim', 'INBOX', ['Welcome', 'Invoice 42', 'Lunch on Friday', 'Lottery', 'Minutes of the meeting'])
      const pages = await servePages(desk())
      // The page is asked for under its real address, by way of this proxy.
      client = await Thunderbird.open(desk(), { 'network.proxy.type': 1, 'network.proxy.http': '127.0.0.1', 'network.proxy.http_port': pages })
    })

    it('sets the account up from an address and a password, by the page of settings that we publish', async () => {
      const shown = await client.script(
        `const [address, password] = parameters
        const press = async () => (await visible('account-hub-footer #forward:enabled')).click()
        const enter = async (selector, text) => {
          const field = await visible(selector)
          field.value = text
          field.dispatchEvent(new Event('input', { bubbles: true }))
        }
        await enter('#realName', 'Kim')
        await enter('#email', address)
        await press()
        const shown = []
        for (const field of ['incomingType', 'incomingHost', 'incomingPort', 'outgoingHost', 'outgoingPort', 'sharedUsername', 'sharedSocketType']) shown.push((await visible('#' + field)).textContent.trim())
        await press()
        await enter('#password', password)
        await press()
        await visible('.account-hub-success-container')
        await press()
        await until(() => MailServices.accounts.defaultAccount?.incomingServer?.type === 'imap')
        return shown`,
        addressOf('kim'),
        password,
      )
      assert.deepEqual(shown, ['imap', 'localhost', String(desk().imaps), 'localhost', String(desk().server.port(465)), addressOf('kim'), 'SSL/TLS'])
    })

    it('lists the folders, each with the use it has', async () => {
      const listed = (await client.script(`
        pane.displayFolder(folder('INBOX').URI)
        await until(() => folder('Trash'))
        const uses = Object.entries({ Inbox: 'Inbox', Drafts: 'Drafts', Sent: 'SentMail', Trash: 'Trash', Junk: 'Junk', Archive: 'Archive' })
        return folders().map((one) => [one.name, uses.filter(([, flag]) => one.getFlag(Ci.nsMsgFolderFlags[flag])).map(([use]) => use).join()])`)) as [string, string][]
      assert.deepEqual(listed.sort(), [['Archive', 'Archive'], ['Drafts', 'Drafts'], ['INBOX', 'Inbox'], ['Junk', 'Junk'], ['Sent', 'Sent'], ['Trash', 'Trash']])
    })

    it('reads a message, and the server knows it as seen', async () => {
      assert.deepEqual(await client.script(`return await show('INBOX', 5)`), ['Invoice 42', 'Lottery', 'Lunch on Friday', 'Minutes of the meeting', 'Welcome'])
      const text = await client.script(`
        await select('Lunch on Friday')
        return await until(() => {
          const text = pane.messageBrowser.contentWindow?.getMessagePaneBrowser?.()?.contentDocument?.body?.textContent
          return text?.includes('Lunch') && text
        })`)
      assert.match(String(text), /The body of Lunch on Friday\./)
      await eventually('it is seen', async () => (await desk().lines('kim', 'INBOX')).includes('Lunch on Friday \\Seen'))
    })

    it('makes a folder and moves a message there', async () => {
      await client.script(`
        account.incomingServer.rootFolder.createSubfolder('Pläne & Termine', null)
        await until(() => folder('Pläne & Termine'))
        await select('Lunch on Friday')
        pane.commandController.doCommand('cmd_moveMessage', folder('Pläne & Termine'))
        await until(() => rows().length === 4)`)
      await eventually('it is moved', async () => (await desk().lines('kim', 'Pläne & Termine')).includes('Lunch on Friday \\Seen'))
      assert.ok(!(await desk().lines('kim', 'INBOX')).join().includes('Lunch'))
      assert.deepEqual(await client.script(`return await show('Pläne & Termine', 1)`), ['Lunch on Friday'])
    })

    it('stars and tags a message, and deletes another into the trash', async () => {
      await client.script(`
        await show('INBOX', 4)
        const header = await select('Invoice 42')
        pane.commandController.doCommand('cmd_markAsFlagged')
        folder('INBOX').addKeywordsToMessages([header], '$label1')
        await select('Lottery')
        pane.commandController.doCommand('cmd_delete')
        await until(() => rows().length === 3)`)
      await eventually('star and tag have come', async () => /^Invoice 42 \$label1 \\Flagged/.test((await desk().lines('kim', 'INBOX'))[1] ?? ''))
      await eventually('it is in the trash', async () => (await desk().lines('kim', 'Trash')).join().startsWith('Lottery'))
      assert.ok(!(await desk().lines('kim', 'INBOX')).join().includes('Lottery'))
    })

    it('lets the server search in bodies', async () => {
      const found = await client.script(`
        const search = Cc['@mozilla.org/messenger/searchSession;1'].createInstance(Ci.nsIMsgSearchSession)
        search.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, folder('INBOX'))
        const term = search.createTerm()
        const value = term.value
        term.attrib = value.attrib = Ci.nsMsgSearchAttrib.Body
        term.op = Ci.nsMsgSearchOp.Contains
        value.str = 'body of minutes'
        term.value = value
        search.appendTerm(term)
        const hits = []
        await new Promise((resolve) => {
          search.registerListener({ QueryInterface: ChromeUtils.generateQI(['nsIMsgSearchNotify']), onSearchHit: (header) => hits.push(header.mime2DecodedSubject), onSearchDone: resolve, onNewSearch() {} })
          search.search(null)
        })
        return hits`)
      assert.deepEqual(found, ['Minutes of the meeting'])
    })

    it('sends a message, keeps a copy in Sent, and shows what arrives', async () => {
      await client.script(
        `const fields = Cc['@mozilla.org/messengercompose/composefields;1'].createInstance(Ci.nsIMsgCompFields)
        Object.assign(fields, { from: parameters[0], to: parameters[0], subject: 'Note to self: Grüße', body: 'Buy milk.' })
        const compose = Cc['@mozilla.org/messengercompose/composeparams;1'].createInstance(Ci.nsIMsgComposeParams)
        Object.assign(compose, { composeFields: fields, type: Ci.nsIMsgCompType.New, format: Ci.nsIMsgCompFormat.PlainText, identity: account.defaultIdentity })
        await MailServices.compose.initCompose(compose).sendMsg(Ci.nsIMsgCompDeliverMode.Now, account.defaultIdentity, account.key, null, null)
        await until(() => rows().includes('Note to self: Grüße'))`,
        addressOf('kim'),
      )
      await eventually('the copy is kept', async () => (await desk().lines('kim', 'Sent')).includes('Note to self: Grüße \\Seen'))
      assert.equal((await desk().lines('kim', 'INBOX')).filter((line) => line.startsWith('Note to self: Grüße')).length, 1)
      await client.script(`await select('Minutes of the meeting')`)
    })

    it('has drawn all that', async () => {
      const picture = await client.screenshot()
      assert.deepEqual([...picture.subarray(1, 4)], [...Buffer.from('PNG')])
      const file = process.env['PENNYPOST_SCREENSHOT']
      if (file !== undefined) writeFileSync(file, picture)
    })
  })
}

/** The page that the AWS stack serves at autoconfig.DOMAIN, with the ports of this server, given by a proxy for HTTP. Returns its port. */
async function servePages(desk: Desk): Promise<number> {
  const page = autoconfig('ours.test', 'localhost').replace(/<port>(\d+)<\/port>/g, (_, port: string) => `<port>${desk.server.port(Number(port))}</port>`)
  const server = createServer(({ url = '' }, response) => {
    if (url.replace(/\?.*/, '') === 'http://autoconfig.ours.test/mail/config-v1.1.xml') response.writeHead(200, { 'content-type': 'text/xml' }).end(page)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(desk.server.port(98), '127.0.0.1', resolve))
  desk.stage.onEnd(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return desk.server.port(98)
}
