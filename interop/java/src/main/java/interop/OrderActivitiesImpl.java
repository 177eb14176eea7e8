package interop;

/** What the activity worker does for an order. */
public class OrderActivitiesImpl implements OrderActivities {

  @Override
  public String charge(String customer, int cents) {
    return customer + " paid " + cents;
  }

  @Override
  public String ship(String receipt) {
    return receipt + ", shipped";
  }
}
