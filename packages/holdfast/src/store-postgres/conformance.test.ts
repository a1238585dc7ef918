import { describe, test } from "vitest";
import { describeStore } from "../testing/describe-store.ts";
import { openSharedUnderTest, openUnderTest } from "./test-store.test-support.ts";

describeStore("the PostgreSQL store", openUnderTest, { describe, test }, openSharedUnderTest);
