import { describe, test } from "vitest";
import { describeStore } from "../testing/describe-store.ts";
import { openSealedUnderTest } from "./test-payloads.test-support.ts";

describeStore("the SQLite store, sealed and in files", openSealedUnderTest(), { describe, test });
