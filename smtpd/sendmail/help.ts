/** `smtpd sendmail --help`: what yargs tells of it. Its flags are sendmail's own, and are read by flags.ts. */
import type { CommandModule } from "yargs";
import type { GlobalOptions } from "../../shared/cli.js";

const FLAGS = `Flags, as of sendmail(1):
  -t               take recipients from To, Cc and Bcc as well
  -i, -oi          a line of a single dot does not end the message
  -f, -r ADDRESS   the reverse-path; the user's own by default, "" for none
  -F NAME          the name in a From that is added
  -N, -R, -V       what is to be told of the delivery (DSN)
  -bs              SMTP on standard input and output
  -bp, -q          list the queue, try it now
  -C FILE          the configuration, as --config
Others are accepted where programs use them. See smtpd-sendmail(1).`;

export const sendmailHelp: CommandModule<GlobalOptions, GlobalOptions> = {
  command: "sendmail [recipients..]",
  describe: "Put a message into the queue, as programs call sendmail",
  builder: (args) => args.positional("recipients", { type: "string", array: true }).epilogue(FLAGS),
  handler: () => {},
};
