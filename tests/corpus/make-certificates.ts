/** Certificates for servers that clients refuse: made by OpenSSL at each run, good for nothing else. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** For localhost and 127.0.0.1, signed by itself. */
  readonly good: Certificate;
  /** The same, over since 2021. */
  readonly expired: Certificate;
  /** The same, not to begin before 2099. */
  readonly early: Certificate;
}

/** @throws {Error} if the machine has no `openssl`. */
export function makeCertificates(folder: string): Certificates {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  const openssl = (...parts: string[]): void => {
    execFileSync("openssl", parts, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  };
  writeFileSync(
    at("ca.conf"),
    [
      "[ca]\ndefault_ca=own",
      "[own]\ndir=.\ndatabase=./index\nnew_certs_dir=.\nserial=./serial\ndefault_md=sha256\npolicy=any\nx509_extensions=names",
      "[any]\ncommonName=supplied",
      "[names]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:TRUE",
    ].join("\n"),
  );
  writeFileSync(at("index"), "");
  writeFileSync(at("serial"), "01\n");
  writeFileSync(at("index.attr"), "unique_subject = no\n");
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem");
  openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=localhost", "-out", "request.pem");
  const sign = (name: string, from: string, to: string): Certificate => {
    const dates = ["-startdate", from, "-enddate", to];
    const files = ["-selfsign", "-keyfile", "key.pem", "-in", "request.pem", "-out", name];
    openssl("ca", "-config", "ca.conf", "-batch", "-notext", ...dates, ...files);
    return { key: readFileSync(at("key.pem"), "utf8"), cert: readFileSync(at(name), "utf8") };
  };
  return {
    good: sign("good.pem", "20200101000000Z", "21250101000000Z"),
    expired: sign("expired.pem", "20200101000000Z", "20210101000000Z"),
    early: sign("early.pem", "20990101000000Z", "21250101000000Z"),
  };
}
