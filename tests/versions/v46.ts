/** A build: a module for `holdfast worker` and `holdfast versions check`. */
import { placeOrder } from "./order.ts";

export default { workflows: [placeOrder("v46")], version: "v46" };
