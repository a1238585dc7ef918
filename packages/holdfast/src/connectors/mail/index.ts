export {
  mailClient,
  type MailClient,
  type MailClientOptions,
  type MailMessage,
  type MailSent,
} from "./mail-client.ts";
export { MailCallFailed } from "./smtp-failure.ts";
