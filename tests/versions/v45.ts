/** A build: a module for `holdfast worker` and `holdfast versions check`. */
import { placeOrder } from "./order.ts";

export default { workflows: [placeOrder("v45")], version: "v45" };
