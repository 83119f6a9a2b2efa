/** The command `pennypost` and its words; docs/commands.md is generated from this tree. */
import { Command } from 'commander'
import project from '../package.json' with { type: 'json' }
import { addAliasCommands } from './commands/alias.ts'
import { addAppPasswordCommands } from './commands/appPassword.ts'
import { addConfigCommands } from './commands/config.ts'
import { addCostCommand } from './commands/cost.ts'
import { addDkimCommands } from './commands/dkim.ts'
import { addDomainCommands } from './commands/domain.ts'
import { addEventsCommands } from './commands/events.ts'
import { addMailboxCommands } from './commands/mailbox.ts'
import { addQueueCommands } from './commands/queue.ts'
import { addRebuildCommand } from './commands/rebuild.ts'
import { addServeCommand } from './commands/serve.ts'
import { addUserCommands } from './commands/user.ts'

export function makeProgram(): Command {
  const program = new Command('pennypost')
    .description('A whole mail system for a domain: SMTP in and out, queue, IMAP and POP3, on one machine or in AWS.')
    .version(project.version, '--version', 'print the version')
    .option('--aws', 'work on a deployment in AWS, with the credentials and region of the environment (AWS_PROFILE, AWS_REGION)')
    .option('--stack <name>', 'the name of the deployment; default: pennypost')
    .configureHelp({ showGlobalOptions: true })
    // Said before the command's words or behind them, these are the command's options as well.
    .hook('preAction', (root, command) => {
      for (const [name, value] of Object.entries(root.opts())) command.setOptionValue(name, value)
    })
    // Also of the words below: usage mistakes end with exit code 2 (bin/main.ts).
    .exitOverride()
    .showHelpAfterError('(add --help for what is possible)')
  addServeCommand(program)
  addDomainCommands(program)
  addDkimCommands(program)
  addUserCommands(program)
  addAliasCommands(program)
  addAppPasswordCommands(program)
  addQueueCommands(program)
  addMailboxCommands(program)
  addRebuildCommand(program)
  addEventsCommands(program)
  addCostCommand(program)
  addConfigCommands(program)
  return program
}
