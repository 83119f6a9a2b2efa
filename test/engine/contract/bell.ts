import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import type { Bell } from '#lib/engine/ports.ts'
import { until } from './setup.ts'
import type { OpenEngine, OpenedEngine } from './setup.ts'

export function bellContract(name: string, open: OpenEngine): void {
  describe(`Bell of ${name}`, () => {
    let opened: OpenedEngine
    let bell: Bell
    before(async () => {
      opened = await open()
      bell = opened.engine.bell
    })
    after(async () => opened.dispose())

    it('is heard by all who listen to the account, and by no one else', async () => {
      const heard: string[] = []
      const ends = [bell.listen('a', () => heard.push('a1')), bell.listen('a', () => heard.push('a2')), bell.listen('b', () => heard.push('b'))]
      bell.ring('a')
      await until('both hear it', () => heard.includes('a1') && heard.includes('a2'))
      assert.ok(!heard.includes('b'))
      for (const end of ends) end()
    })

    it('is not heard any more after the end, which may be said twice', async () => {
      let heard = 0
      const listener = () => heard++
      const end = bell.listen('c', listener)
      const endOther = bell.listen('c', listener)
      end()
      end()
      bell.ring('c')
      await until('the other hears it', () => heard > 0)
      assert.equal(heard, 1)
      endOther()
      bell.ring('c')
      await systemClock.sleep(50)
      assert.equal(heard, 1)
    })

    it('survives a listener that throws', async () => {
      let heard = 0
      const ends = [bell.listen('d', () => { throw new Error('deaf') }), bell.listen('d', () => heard++)]
      bell.ring('d')
      await until('the other hears it', () => heard > 0)
      for (const end of ends) end()
    })
  })
}
